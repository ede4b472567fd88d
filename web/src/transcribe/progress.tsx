import { Icon } from "../shell/icon";
import type { Problem } from "../wire/problem";
import { player, session, transcribe } from "./actions";
import { shortClock } from "./format";

/** How far it is, or what went wrong. */
export function Progress() {
  const { phase, problem, answer } = session.value;
  if (phase === "running") return <Running />;
  if (phase === "failed" && problem !== null) return <ProblemView problem={problem} />;
  if (phase === "cancelled") {
    return (
      <p class="notice" role="status">
        Cancelled. What had been recognised stays.
      </p>
    );
  }
  return (
    <>
      {(answer?.notices ?? []).map((notice) => (
        <p class="notice" role="status" key={notice}>
          <Icon name="warning" /> {notice}
        </p>
      ))}
    </>
  );
}

function Running() {
  const { exchange, position } = session.value;
  const duration = player.duration.value;
  const uploaded = exchange?.uploadedShare ?? 0;
  if (uploaded < 1)
    return <Bar share={uploaded} text={`Sending: ${Math.floor(100 * uploaded)} %`} />;
  if (position === 0) return <Bar share={null} text="Listening…" />;
  if (duration === 0) return <Bar share={null} text={`${shortClock(position)} transcribed`} />;
  const share = Math.min(1, position / duration);
  return <Bar share={share} text={`${shortClock(position)} of ${shortClock(duration)}`} />;
}

function Bar({ share, text }: { share: number | null; text: string }) {
  return (
    <div class="progress" role="status">
      <progress aria-label="Progress" {...(share === null ? {} : { value: share })} max={1} />
      <span>{text}</span>
    </div>
  );
}

export function ProblemView({ problem }: { problem: Problem }) {
  return (
    <div class="problem" role="alert">
      <h2>
        <Icon name="warning" /> {problem.title}
      </h2>
      {problem.lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
      <div class="problem-end">
        <button type="button" onClick={transcribe}>
          Try again
        </button>
        {problem.requestId !== "" && <span>request {problem.requestId}</span>}
      </div>
    </div>
  );
}
