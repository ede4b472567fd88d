import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../shell/icon";
import { player, reset } from "./actions";
import { change, form, type Source } from "./form";
import { bytes, shortClock } from "./format";
import { canRecord, Recorder } from "./recorder";

const ACCEPTED = "audio/*,video/*,.mkv,.opus,.amr,.aiff,.wma";

function take(source: Source | null): void {
  reset();
  change({ source });
}

/** Whether a file hovers over the window; dropped anywhere, it is taken. */
function useDrop(): boolean {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const onDrag = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // or else the browser would leave the page for the file
      setOver(
        event.type === "dragover" || (event.type === "dragleave" && event.relatedTarget !== null),
      );
      const file = event.type === "drop" ? event.dataTransfer.files[0] : undefined;
      if (file !== undefined) take({ kind: "file", file, isRecording: false });
    };
    const types = ["dragover", "dragleave", "drop"] as const;
    for (const type of types) addEventListener(type, onDrag);
    return () => {
      for (const type of types) removeEventListener(type, onDrag);
    };
  }, []);
  return isOver;
}

/** Where the recording comes from: dropped, chosen, recorded, or a URL. */
export function SourceChooser() {
  const isOver = useDrop();
  const { source } = form.value;
  return (
    <div class={`source ${source === null ? "empty" : "chosen"} ${isOver ? "over" : ""}`}>
      {source === null ? <Doors /> : <Chosen source={source} />}
    </div>
  );
}

function Doors() {
  const [mode, setMode] = useState<"file" | "record" | "url">("file");
  const input = useRef<HTMLInputElement>(null);
  if (mode === "record") {
    return (
      <Recorder
        onDone={(file) => take({ kind: "file", file, isRecording: true })}
        onClose={() => setMode("file")}
      />
    );
  }
  if (mode === "url") return <UrlEntry onClose={() => setMode("file")} />;
  const onChosen = () => {
    const file = input.current?.files?.[0];
    if (file !== undefined) take({ kind: "file", file, isRecording: false });
  };
  return (
    <>
      <p class="invitation">Drop a recording here</p>
      <p class="hint">Audio or video, in any format. It goes to this server and nowhere else.</p>
      <div class="doors">
        <input
          ref={input}
          type="file"
          id="file"
          class="visually-hidden"
          accept={ACCEPTED}
          onChange={onChosen}
        />
        <label for="file" class="button">
          <Icon name="upload" /> Choose a file
        </label>
        {canRecord() && (
          <button type="button" onClick={() => setMode("record")}>
            <Icon name="microphone" /> Record
          </button>
        )}
        <button type="button" onClick={() => setMode("url")}>
          <Icon name="link" /> From a URL
        </button>
      </div>
    </>
  );
}

function UrlEntry({ onClose }: { onClose: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const use = (event: Event) => {
    event.preventDefault();
    const url = input.current?.value.trim() ?? "";
    if (url !== "") take({ kind: "url", url });
  };
  return (
    <form class="url-entry" onSubmit={use}>
      <label for="url">Address of the recording</label>
      <div class="row">
        <input
          id="url"
          ref={input}
          type="text"
          inputMode="url"
          placeholder="https://…"
          autocomplete="off"
          spellcheck={false}
          autofocus
        />
        <button type="submit" class="primary">
          Use it
        </button>
        <button type="button" class="quiet" onClick={onClose}>
          Back
        </button>
      </div>
      <p class="hint">The server fetches it: http, https or a data: URI.</p>
    </form>
  );
}

function Chosen({ source }: { source: Source }) {
  const seconds = player.duration.value;
  const facts =
    source.kind === "url"
      ? ["fetched by the server"]
      : [bytes(source.file.size), ...(seconds > 0 ? [shortClock(seconds)] : [])];
  return (
    <>
      <div class="source-name">
        <strong>{source.kind === "file" ? source.file.name : shortUrl(source.url)}</strong>
        <span>{facts.join(" · ")}</span>
      </div>
      <button type="button" class="quiet" onClick={() => take(null)}>
        <Icon name="close" /> Another
      </button>
    </>
  );
}

function shortUrl(url: string): string {
  return url.length <= 80 ? url : `${url.slice(0, 60)}…${url.slice(-15)}`;
}
