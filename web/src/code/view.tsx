import { signal } from "@preact/signals";
import { key } from "../server/connection";
import { CopyButton } from "../shell/copy-button";
import { highlight } from "./highlight";
import { type Place, TONGUES, type Tongue } from "./snippets";

const tongue = signal<Tongue>("typescript");

interface Props {
  readonly snippet: (tongue: Tongue, place: Place) => string;
  readonly note?: string;
}

/** The request as a program, in the language one has chosen. */
export function CodeView({ snippet, note }: Props) {
  const place = { origin: location.origin, needsKey: key.value !== "" };
  const code = snippet(tongue.value, place);
  const chosen = TONGUES.find((each) => each.id === tongue.value);
  return (
    <div class="code">
      <div class="code-head">
        <div class="tongues" role="group" aria-label="Language of the code">
          {TONGUES.map(({ id, title }) => (
            <button
              key={id}
              type="button"
              aria-pressed={id === tongue.value}
              onClick={() => {
                tongue.value = id;
              }}
            >
              {title}
            </button>
          ))}
        </div>
        <CopyButton text={() => code} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <pre role="group" tabIndex={0} aria-label={`Code in ${chosen?.title}`}>
        <code data-tongue={tongue.value}>{highlight(code, tongue.value)}</code>
      </pre>
      <p class="hint">
        {chosen?.install ? <code>{chosen.install}</code> : null}
        {place.needsKey ? " The key comes from the environment: AURICLE_API_KEY." : ""}
        {note ? ` ${note}` : ""}
      </p>
    </div>
  );
}
