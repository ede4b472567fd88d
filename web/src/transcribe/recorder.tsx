import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../shell/icon";
import { shortClock } from "./format";
import { Level } from "./level";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

/** Browsers give the microphone to secure origins and loopback only. */
export function canRecord(): boolean {
  return navigator.mediaDevices !== undefined && typeof MediaRecorder !== "undefined";
}

interface Take {
  readonly stream: MediaStream;
  readonly recorder: MediaRecorder;
  readonly startedMs: number;
}

async function begin(onFile: (file: File) => void): Promise<Take> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, mimeType === undefined ? {} : { mimeType });
  const parts: Blob[] = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => {
    const type = recorder.mimeType.split(";")[0] ?? "audio/webm";
    const ending = type.split("/")[1] ?? "webm";
    onFile(new File(parts, `recording.${ending}`, { type }));
  };
  recorder.start(1000);
  return { stream, recorder, startedMs: performance.now() };
}

function release(take: Take): void {
  take.recorder.onstop = null;
  if (take.recorder.state !== "inactive") take.recorder.stop();
  for (const track of take.stream.getTracks()) track.stop();
}

interface Props {
  readonly onDone: (file: File) => void;
  readonly onClose: () => void;
}

/** A running take; it ends, unheard, when the component leaves. */
function useTake(onFile: (file: File) => void): { take: Take | null; refusal: string } {
  const [take, setTake] = useState<Take | null>(null);
  const [refusal, setRefusal] = useState("");
  const done = useRef(onFile);
  done.current = onFile;
  useEffect(() => {
    let started: Take | null = null;
    let isLeft = false;
    begin((file) => done.current(file))
      .then((fresh) => {
        started = fresh;
        if (isLeft) release(fresh);
        else setTake(fresh);
      })
      .catch((error: unknown) => setRefusal(reasonOf(error)));
    return () => {
      isLeft = true;
      if (started !== null) release(started);
    };
  }, []);
  return { take, refusal };
}

/** The microphone: asks for leave, records, hands over a file. */
export function Recorder({ onDone, onClose }: Props) {
  const { take, refusal } = useTake(onDone);
  return (
    <div class="recorder">
      {refusal === "" ? (
        <p class="invitation" role="status">
          {take === null ? "Waiting for the microphone…" : "Listening"}
        </p>
      ) : (
        <p class="field-error" role="alert">
          {refusal}
        </p>
      )}
      {take !== null && <Level stream={take.stream} />}
      {take !== null && <TakeClock startedMs={take.startedMs} />}
      <div class="doors">
        {take !== null && (
          <button type="button" class="primary" onClick={() => take.recorder.stop()}>
            <Icon name="check" /> Stop and use it
          </button>
        )}
        <button type="button" class="quiet" onClick={onClose}>
          {take === null ? "Back" : "Throw away"}
        </button>
      </div>
    </div>
  );
}

function TakeClock({ startedMs }: { startedMs: number }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((performance.now() - startedMs) / 1000), 250);
    return () => clearInterval(timer);
  }, [startedMs]);
  return <p class="recorder-clock">{shortClock(seconds)}</p>;
}

function reasonOf(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "The browser was not allowed to use the microphone.";
  if (name === "NotFoundError") return "There is no microphone.";
  return `The microphone cannot be used: ${error}`;
}
