import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { honours, languagesOf } from "../server/abilities";
import type { ModelCard } from "../server/connection";
import { cancel, session, transcribe } from "./actions";
import { change, form, type Granularity } from "./form";

/** What to ask for; fields that the model does not honour are not offered. */
export function Options({ models }: { models: readonly ModelCard[] }) {
  const { model, source } = form.value;
  const card = models.find((each) => each.id === model || each.aliases.includes(model));
  useEffect(() => {
    if (card === undefined && models[0] !== undefined) change({ model: models[0].id });
  }, [card, models]);
  const isRunning = session.value.phase === "running";
  const start = (event: Event) => {
    event.preventDefault();
    transcribe();
  };
  return (
    <form class="options" onSubmit={start}>
      <div class="option-row">
        <ModelChoice models={models} />
        <LanguageChoice card={card} />
        <GranularityChoice />
        {isRunning ? (
          <button type="button" class="primary wide" onClick={cancel}>
            Cancel
          </button>
        ) : (
          <button type="submit" class="primary wide" disabled={source === null}>
            Transcribe
          </button>
        )}
      </div>
      <More card={card} />
    </form>
  );
}

interface ChoiceProps {
  readonly id: string;
  readonly label: string;
  readonly children: ComponentChildren;
}

function Choice({ id, label, children }: ChoiceProps) {
  return (
    <div class="choice">
      <label for={id}>{label}</label>
      {children}
    </div>
  );
}

function ModelChoice({ models }: { models: readonly ModelCard[] }) {
  return (
    <Choice id="model" label="Model">
      <select
        id="model"
        value={form.value.model}
        onChange={(event) => change({ model: event.currentTarget.value })}
      >
        {models.map((card) => (
          <optgroup key={card.id} label={card.name ?? card.id}>
            {[card.id, ...card.aliases].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </optgroup>
        ))}
      </select>
    </Choice>
  );
}

function LanguageChoice({ card }: { card: ModelCard | undefined }) {
  return (
    <Choice id="language" label="Language">
      <select
        id="language"
        value={form.value.language}
        onChange={(event) => change({ language: event.currentTarget.value })}
      >
        <option value="">Detect</option>
        {languagesOf(card).map(({ code, name }) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </select>
    </Choice>
  );
}

function GranularityChoice() {
  return (
    <Choice id="granularity" label="Times of">
      <select
        id="granularity"
        value={form.value.granularity}
        onChange={(event) => change({ granularity: event.currentTarget.value as Granularity })}
      >
        <option value="word">words</option>
        <option value="segment">segments</option>
        <option value="none">nothing</option>
      </select>
    </Choice>
  );
}

function More({ card }: { card: ModelCard | undefined }) {
  const { stream, temperature, diarize, contextBias } = form.value;
  return (
    <details class="more">
      <summary>More</summary>
      <div class="option-row">
        <Choice id="temperature" label="Temperature">
          <input
            id="temperature"
            type="number"
            min="0"
            max="2"
            step="any"
            placeholder="default"
            value={temperature}
            onInput={(event) => change({ temperature: event.currentTarget.value })}
          />
        </Choice>
        <label class="check">
          <input
            type="checkbox"
            checked={stream}
            onChange={(event) => change({ stream: event.currentTarget.checked })}
          />
          Stream the text as it is recognised
        </label>
        {honours(card, "diarize") && (
          <label class="check">
            <input
              type="checkbox"
              checked={diarize}
              onChange={(event) => change({ diarize: event.currentTarget.checked })}
            />
            Tell who speaks
          </label>
        )}
      </div>
      {honours(card, "context_bias") && (
        <Choice id="bias" label="Words and phrases to expect, separated by commas">
          <textarea
            id="bias"
            rows={2}
            value={contextBias}
            onInput={(event) => change({ contextBias: event.currentTarget.value })}
          />
        </Choice>
      )}
    </details>
  );
}
