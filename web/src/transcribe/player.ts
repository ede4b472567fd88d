/** The recording as sound and waveform: wavesurfer.js, and signals that say where it is. */

import { signal } from "@preact/signals";
import WaveSurfer from "wavesurfer.js";

/** `mute`: this browser cannot play it; the transcript works without. */
export type PlayerState = "empty" | "loading" | "ready" | "mute";

/** Longer recordings are not decoded for their waveform: that takes memory without end. */
const MAX_DECODED_S = 3600;
const MAX_DECODED_BYTES = 200e6;
const SEEK_HAIR_S = 0.001;
const SKIP_S = 5;

export class Player {
  readonly state = signal<PlayerState>("empty");
  readonly isPlaying = signal(false);
  readonly time = signal(0);
  readonly duration = signal(0);

  private surfer: WaveSurfer | null = null;
  private generation = 0;

  /** Show a recording, or nothing. */
  async load(container: HTMLElement, recording: Blob | null): Promise<void> {
    this.close();
    if (recording === null) return;
    const generation = ++this.generation;
    this.state.value = "loading";
    const seconds = await probe(recording);
    if (generation !== this.generation) return;
    if (seconds === null) {
      this.state.value = "mute";
      return;
    }
    this.duration.value = seconds;
    const isShort = seconds <= MAX_DECODED_S && recording.size <= MAX_DECODED_BYTES;
    const surfer = this.create(container);
    this.surfer = surfer;
    try {
      if (isShort) await surfer.loadBlob(recording);
      else await surfer.loadBlob(recording, [new Float32Array(2)], seconds);
      const media = surfer.getMediaElement();
      if (media !== null) await lengthOf(media);
      if (generation === this.generation) this.state.value = "ready";
    } catch {
      if (generation === this.generation) this.state.value = "mute";
    }
  }

  private create(container: HTMLElement): WaveSurfer {
    const surfer = WaveSurfer.create({
      container,
      height: 72,
      barWidth: 2,
      barGap: 2,
      barRadius: 2,
      barMinHeight: 2,
      normalize: true,
      cursorWidth: 2,
      dragToSeek: true,
      cspNonce: nonce(),
      ...colours(),
    });
    surfer.on("play", () => {
      this.isPlaying.value = true;
    });
    surfer.on("pause", () => {
      this.isPlaying.value = false;
      this.time.value = surfer.getCurrentTime();
    });
    surfer.on("interaction", (seconds) => {
      this.time.value = seconds;
    });
    // At rest the place is where one went: an element that seeks may still report an older place.
    surfer.on("timeupdate", (seconds) => {
      if (surfer.isPlaying()) this.time.value = seconds;
    });
    return surfer;
  }

  close(): void {
    this.generation += 1;
    this.surfer?.destroy();
    this.surfer = null;
    this.state.value = "empty";
    this.isPlaying.value = false;
    this.time.value = 0;
    this.duration.value = 0;
  }

  toggle(): void {
    if (this.state.value === "ready") void this.surfer?.playPause();
  }

  /** Go to a time in seconds and play from there. */
  playFrom(seconds: number): void {
    if (this.state.value !== "ready") return;
    this.seek(seconds);
    void this.surfer?.play();
  }

  /** A hair later than asked: media clocks round down, and a word would not be reached. */
  seek(seconds: number): void {
    if (this.surfer === null) return;
    this.time.value = Math.min(Math.max(0, seconds + SEEK_HAIR_S), this.duration.value);
    this.surfer.setTime(this.time.value);
  }

  skip(direction: 1 | -1): void {
    this.seek(this.time.value + direction * SKIP_S);
  }

  /** Take the colours of the page again. */
  recolour(): void {
    this.surfer?.setOptions(colours());
  }
}

/** The length of a recording in seconds; null where this browser cannot play it. */
async function probe(recording: Blob): Promise<number | null> {
  const url = URL.createObjectURL(recording);
  const media = document.createElement("audio");
  try {
    media.src = url;
    return await lengthOf(media);
  } catch {
    return null;
  } finally {
    media.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

/**
 * The length of a loading element in seconds. What a browser has recorded does not state it, and
 * takes no seek before it is known: the element learns it on the way to its end.
 */
function lengthOf(media: HTMLMediaElement): Promise<number> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (Number.isFinite(media.duration)) {
        media.removeEventListener("durationchange", look);
        if (media.currentTime > media.duration - 0.01) media.currentTime = 0;
        resolve(media.duration);
      } else if (media.readyState > 0 && media.currentTime === 0) {
        media.currentTime = 1e9;
      }
    };
    media.addEventListener("durationchange", look);
    media.addEventListener("error", () => reject(media.error), { once: true });
    look();
  });
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return { waveColor: of("--wave"), progressColor: of("--accent"), cursorColor: of("--ink") };
}

function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}
