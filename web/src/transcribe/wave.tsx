import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../shell/icon";
import { isDark } from "../shell/theme";
import { layout, player } from "./actions";
import { form } from "./form";
import { shortClock } from "./format";
import { speechSpans } from "./phrases";
import { speakerColour } from "./speakers";

/** The waveform, where in it somebody speaks, and the play button. */
export function Wave() {
  const container = useRef<HTMLDivElement>(null);
  const { source } = form.value;
  const recording = source?.kind === "file" ? source.file : null;
  useEffect(() => {
    if (container.current !== null) void player.load(container.current, recording);
    return () => player.close();
  }, [recording]);
  useEffect(() => player.recolour(), [isDark.value]);
  const state = player.state.value;
  return (
    <div class={`wave ${state}`}>
      {recording !== null && state !== "mute" && <PlayButton />}
      <div class="wave-body">
        <div ref={container} class="wave-form" />
        <SpeechLane />
      </div>
      {state === "mute" && (
        <p class="hint">This browser cannot play the recording; the server may still read it.</p>
      )}
      {recording === null && (
        <p class="hint">
          The page loads nothing from elsewhere, so a URL is transcribed without its sound.
        </p>
      )}
    </div>
  );
}

function PlayButton() {
  const isPlaying = player.isPlaying.value;
  return (
    <div class="play">
      <button
        type="button"
        class="round"
        disabled={player.state.value !== "ready"}
        aria-label={isPlaying ? "Pause" : "Play"}
        onClick={() => player.toggle()}
      >
        <Icon name={isPlaying ? "pause" : "play"} />
      </button>
      <span class="clock">
        {shortClock(player.time.value)}
        <span class="of"> / {shortClock(player.duration.value)}</span>
      </span>
    </div>
  );
}

function SpeechLane() {
  const duration = player.duration.value;
  if (duration <= 0) return null;
  const spans = speechSpans(layout.value.phrases, duration);
  return (
    <div class="lane" aria-hidden="true">
      {spans.map(({ start, end, speaker }) => (
        <span
          key={start}
          style={{
            left: `${(100 * start) / duration}%`,
            width: `${(100 * (end - start)) / duration}%`,
            background: speakerColour(speaker),
          }}
        />
      ))}
    </div>
  );
}
