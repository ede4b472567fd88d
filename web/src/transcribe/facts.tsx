import { languageName } from "../server/abilities";
import { player, session } from "./actions";
import { duration, shortClock } from "./format";
import { realTimeFactor } from "./session";

/** Steps as the server names them, in the order they begin. */
const STEPS: readonly (readonly [string, string])[] = [
  ["upload", "upload"],
  ["fetch", "fetch"],
  ["decode", "decode"],
  ["vad", "find speech"],
  ["queue", "queue"],
  ["inference", "inference"],
  ["first_text", "first text"],
  ["total", "total"],
];

/** What it took and what it counts. */
export function Facts() {
  const { answer, timings, exchange } = session.value;
  if (answer === null) return null;
  const { usage } = answer;
  const seconds = player.duration.value || usage.prompt_audio_seconds;
  const work = timings.total ?? (exchange?.elapsedMs ?? 0) / 1000;
  const factor = realTimeFactor(work, seconds);
  return (
    <section class="facts" aria-label="Usage and timings">
      <dl>
        <Fact name="Language" value={answer.language ? languageName(answer.language) : "none"} />
        <Fact name="Audio" value={shortClock(seconds)} />
        {factor !== null && (
          <Fact
            name="Real-time factor"
            value={factor.toFixed(factor < 0.1 ? 3 : 2)}
            note={`${(1 / factor).toFixed(1)}× as fast as it is spoken`}
          />
        )}
        <Fact
          name="Tokens"
          value={usage.total_tokens.toLocaleString("en")}
          note={`${usage.prompt_tokens} prompt, ${usage.completion_tokens} completion`}
        />
      </dl>
      <dl class="timings">
        {STEPS.filter(([step]) => timings[step] !== undefined).map(([step, name]) => (
          <Fact key={step} name={name} value={duration(timings[step] ?? 0)} />
        ))}
      </dl>
    </section>
  );
}

function Fact({ name, value, note }: { name: string; value: string; note?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {note !== undefined && <small>{note}</small>}
      </dd>
    </div>
  );
}
