/** The transcript as a file: text, JSON, subtitles. The forms are those of the command line. */

import { type Phrase, textOf } from "./phrases";
import type { Answer } from "./session";

export type Format = "txt" | "json" | "srt" | "vtt";

export const MEDIA_TYPES: Record<Format, string> = {
  txt: "text/plain",
  json: "application/json",
  srt: "application/x-subrip",
  vtt: "text/vtt",
};

export interface Cue {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const MAX_CUE_CHARACTERS = 84;
const MAX_CUE_S = 7;

/** Phrases cut to what fits on two lines of a screen; a piece is never cut. */
export function cuesOf(phrases: readonly Phrase[], nameOf: (speaker: string) => string): Cue[] {
  return phrases.flatMap((phrase) => {
    const cues: { start: number; end: number; text: string }[] = [];
    for (const piece of phrase.pieces) {
      const last = cues.at(-1);
      const joined = last ? last.text + piece.lead + piece.text : "";
      if (last && joined.length <= MAX_CUE_CHARACTERS && piece.end - last.start <= MAX_CUE_S) {
        last.text = joined;
        last.end = piece.end;
      } else {
        cues.push({ start: piece.start, end: piece.end, text: piece.text });
      }
    }
    const prefix = phrase.speaker === null ? "" : `${nameOf(phrase.speaker)}: `;
    return cues.map((cue) => ({ ...cue, text: prefix + oneLine(cue.text) }));
  });
}

/** `-->` would end a cue, so it is broken up. */
function oneLine(text: string): string {
  return text.split(/\s+/).join(" ").trim().replaceAll("-->", "->");
}

export function toText(text: string, phrases: readonly Phrase[], nameOf: (s: string) => string) {
  if (phrases.every((phrase) => phrase.speaker === null)) return `${text}\n`;
  const lines = phrases.map((phrase) => {
    const words = textOf(phrase);
    return phrase.speaker === null ? words : `${nameOf(phrase.speaker)}: ${words}`;
  });
  return `${lines.join("\n")}\n`;
}

export function toJson(answer: Answer): string {
  return `${JSON.stringify(answer, null, 2)}\n`;
}

export function toSrt(cues: readonly Cue[]): string {
  const blocks = cues.map(
    (cue, i) => `${i + 1}\n${clock(cue.start, ",")} --> ${clock(cue.end, ",")}\n${cue.text}\n`,
  );
  return blocks.join("\n");
}

export function toVtt(cues: readonly Cue[]): string {
  const blocks = cues.map(
    (cue) => `${clock(cue.start, ".")} --> ${clock(cue.end, ".")}\n${cue.text}\n`,
  );
  return ["WEBVTT\n", ...blocks].join("\n");
}

/** Hours, minutes, seconds and milliseconds, rounded once. */
export function clock(seconds: number, mark: string): string {
  const all = Math.round(seconds * 1000);
  const part = (value: number, width = 2) => String(value).padStart(width, "0");
  const [hours, minutes] = [Math.floor(all / 3_600_000), Math.floor(all / 60_000) % 60];
  const whole = Math.floor(all / 1000) % 60;
  return `${part(hours)}:${part(minutes)}:${part(whole)}${mark}${part(all % 1000, 3)}`;
}

/** The name of the file, from the recording's. */
export function fileName(source: string, format: Format): string {
  const base = source.split(/[?#]/)[0]?.split(/[/\\]/).at(-1) ?? "";
  const stem = base
    .replace(/\.[^.]+$/, "")
    .replaceAll(/[^\p{L}\p{N} ._-]/gu, "_")
    .slice(0, 80);
  return `${stem.trim() || "transcript"}.${format}`;
}
