import { bytes, duration } from "../transcribe/format";
import type { Exchange, Field, TimedFrame } from "../wire/exchange";

/** The request, the answer and its events as they went over the wire. */
export function RawView({ exchange }: { exchange: Exchange | null }) {
  if (exchange === null) return <p class="hint raw-empty">Nothing has been sent yet.</p>;
  return (
    <div class="raw">
      <h2>Request</h2>
      <Block label="Request" text={requestText(exchange)} />
      {exchange.status > 0 && (
        <>
          <h2>
            Response <small>{duration(exchange.elapsedMs / 1000)}</small>
          </h2>
          <Block label="Response" text={responseText(exchange)} />
        </>
      )}
      {exchange.frames.length > 0 && <Frames frames={exchange.frames} />}
      {exchange.outcome === "broken" && <p class="field-error">The connection broke off here.</p>}
      {exchange.outcome === "cancelled" && <p class="hint">Cancelled here.</p>}
    </div>
  );
}

function Block({ label, text }: { label: string; text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <pre role="group" tabIndex={0} aria-label={label}>
      <code>{text}</code>
    </pre>
  );
}

function Frames({ frames }: { frames: readonly TimedFrame[] }) {
  return (
    <>
      <h2>
        Events <small>{frames.length}</small>
      </h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <ol class="frames" tabIndex={0} aria-label="Events">
        {frames.map((frame, i) => (
          <li key={i} class={frame.event === "" ? "comment" : frame.event.replaceAll(".", "-")}>
            <span class="at">{(frame.atMs / 1000).toFixed(2)}</span>
            <code>{frame.raw}</code>
          </li>
        ))}
      </ol>
    </>
  );
}

function requestText({ request, headers }: Exchange): string {
  const lines = [`${request.method} ${request.path}`];
  for (const [name] of headers) lines.push(`${name}: Bearer ••••`);
  if (request.fields.length > 0) lines.push("content-type: multipart/form-data", "");
  lines.push(...request.fields.map(fieldText));
  return lines.join("\n");
}

function fieldText([name, value]: Field): string {
  if (typeof value === "string") return `${name}: ${value}`;
  return `${name}: ${value.name} (${value.type || "unknown type"}, ${bytes(value.size)})`;
}

function responseText({ status, statusText, responseHeaders, body }: Exchange): string {
  const head = [`${status} ${statusText}`, ...responseHeaders.map(([n, v]) => `${n}: ${v}`)];
  return body === "" ? head.join("\n") : `${head.join("\n")}\n\n${pretty(body)}`;
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
