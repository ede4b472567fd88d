import { useEffect, useRef, useState } from "preact/hooks";
import { fill, requestSnippet } from "../code/requests";
import { type Place, type Tongue, transcriptionSnippet } from "../code/snippets";
import { CodeView } from "../code/view";
import { RawView } from "../raw/view";
import { TRANSCRIPTIONS } from "../server/abilities";
import { key } from "../server/connection";
import type { Endpoint, OpenApi } from "../server/openapi";
import { type Call, type Exchange, send } from "../wire/exchange";
import { bodyOf, type Input, inputsOf, pathValuesOf, type Values } from "./inputs";

interface Props {
  readonly document: OpenApi;
  readonly endpoint: Endpoint;
  readonly defaultModel: string;
}

/** A form for one endpoint, the code for what it holds, and what came back. */
export function TryIt({ document, endpoint, defaultModel }: Props) {
  const inputs = inputsOf(document, endpoint);
  const [values, setValues] = useState<Values>({ model: defaultModel, model_id: defaultModel });
  const [exchange, setExchange] = useState<Exchange | null>(null);
  const call = useRef<Call | null>(null);
  useEffect(() => () => call.current?.cancel(), []);
  const fields = bodyOf(inputs, values);
  const pathValues = pathValuesOf(inputs, values);
  const { method, path, operation } = endpoint;

  const submit = (event: Event) => {
    event.preventDefault();
    call.current?.cancel();
    const request = { method, path: fill(path, pathValues), fields };
    const own = send(request, key.value, (next) => {
      if (call.current === own) setExchange(next);
    });
    call.current = own;
  };
  const snippet = (tongue: Tongue, place: Place) =>
    path === TRANSCRIPTIONS
      ? transcriptionSnippet(tongue, fields, place)
      : requestSnippet(tongue, operation.operationId, path, pathValues, place);
  const isRunning = exchange?.outcome === "open";
  return (
    <aside class="try" aria-label="Try it">
      <form onSubmit={submit}>
        <h2>Try it</h2>
        {inputs.map((input) => (
          <InputView
            key={input.name}
            input={input}
            value={values[input.name] ?? ""}
            onChange={(value) => setValues({ ...values, [input.name]: value })}
          />
        ))}
        <div class="row">
          <button type="submit" class="primary">
            Send
          </button>
          {isRunning && (
            <button type="button" onClick={() => call.current?.cancel()}>
              Cancel
            </button>
          )}
        </div>
      </form>
      <CodeView snippet={snippet} />
      {exchange !== null && <RawView exchange={exchange} />}
    </aside>
  );
}

interface InputProps {
  readonly input: Input;
  readonly value: string | File;
  readonly onChange: (value: string | File) => void;
}

function InputView({ input, value, onChange }: InputProps) {
  const { name, kind, choices, isRequired } = input;
  const id = `try-${name}`;
  const text = typeof value === "string" ? value : "";
  const common = { id, name, "aria-required": isRequired };
  return (
    <div class="choice">
      <label for={id}>
        <code>{name}</code>
      </label>
      {kind === "file" ? (
        <input
          {...common}
          type="file"
          onChange={(event) => onChange(event.currentTarget.files?.[0] ?? "")}
        />
      ) : kind === "choice" || kind === "flag" ? (
        <select {...common} value={text} onChange={(event) => onChange(event.currentTarget.value)}>
          <option value="">not sent</option>
          {choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      ) : kind === "lines" ? (
        <textarea
          {...common}
          rows={2}
          placeholder="one a line"
          value={text}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      ) : (
        <input
          {...common}
          type="text"
          inputMode={kind === "number" ? "decimal" : "text"}
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </div>
  );
}
