/**
 * The transcript as phrases one can read: paragraphs of pieces with times.
 *
 * The text is the truth. Each entry (a word, or a segment) is found in it in turn, so that what
 * stands between entries, spaces or none, is kept as it is.
 */

import type { Entry } from "./session";

/** A word or segment in its place. `lead` is the text between it and the piece before. */
export interface Piece {
  readonly index: number;
  readonly lead: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface Phrase {
  readonly start: number;
  readonly end: number;
  readonly speaker: string | null;
  readonly pieces: readonly Piece[];
}

export interface Layout {
  readonly phrases: readonly Phrase[];
  readonly pieces: readonly Piece[];
  /** Text that no entry covers yet. */
  readonly tail: string;
}

const PAUSE_S = 1.2;
const MIN_PIECES = 6;
/** From here on the end of a clause will do, and at last any word. */
const MANY_PIECES = 40;
const MAX_PIECES = 80;
const CLAUSE_END = /[,;:–—，；：、]["'”’»）)]*$/;
const SENTENCE_END = /[.?!…。？！]["'”’»）)]*$/;

export function layOut(text: string, entries: readonly Entry[]): Layout {
  const isWords = entries.length > 0 && entries.every((entry) => !/\s/.test(entry.text.trim()));
  const pieces: Piece[] = [];
  const phrases: Phrase[] = [];
  let open: Piece[] = [];
  let speaker: string | null = null;
  let at = 0;

  function close(): void {
    const [first] = open;
    const last = open.at(-1);
    if (first !== undefined && last !== undefined) {
      phrases.push({ start: first.start, end: last.end, speaker, pieces: open });
    }
    open = [];
  }

  entries.forEach((entry, index) => {
    const found = text.indexOf(entry.text, at);
    const isNear = found >= 0 && found - at <= 40;
    const lead = isNear ? text.slice(at, found) : at === 0 ? "" : " ";
    if (isNear) at = found + entry.text.length;
    const piece = { index, lead, text: entry.text, start: entry.start, end: entry.end };
    const voice = entry.speaker_id ?? null;
    if (open.length > 0 && (voice !== speaker || isBreak(open, piece, isWords))) close();
    speaker = voice;
    open.push(piece);
    pieces.push(piece);
  });
  close();
  return { phrases, pieces, tail: text.slice(at) };
}

function isBreak(open: readonly Piece[], next: Piece, isWords: boolean): boolean {
  const last = open.at(-1);
  if (last === undefined || !isWords) return true;
  if (next.start - last.end > PAUSE_S || open.length >= MAX_PIECES) return true;
  if (open.length >= MANY_PIECES && CLAUSE_END.test(last.text)) return true;
  return open.length >= MIN_PIECES && SENTENCE_END.test(last.text);
}

/** The text of a phrase as it reads. */
export function textOf(phrase: Phrase): string {
  return phrase.pieces
    .map((piece) => piece.lead + piece.text)
    .join("")
    .trim();
}

/** Index of the piece that is heard at a time: the last that has begun; -1 before the first. */
export function pieceAt(pieces: readonly Piece[], time: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pieces[middle]?.start ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export interface Span {
  readonly start: number;
  readonly end: number;
  readonly speaker: string | null;
}

const JOIN_S = 0.35;
const MAX_SPANS = 600;

/** Where somebody speaks: pieces joined over short pauses, the more the longer the recording. */
export function speechSpans(phrases: readonly Phrase[], duration: number): Span[] {
  const join = Math.max(JOIN_S, duration / MAX_SPANS);
  const spans: { start: number; end: number; speaker: string | null }[] = [];
  for (const phrase of phrases) {
    for (const piece of phrase.pieces) {
      const last = spans.at(-1);
      if (last && piece.start - last.end <= join && last.speaker === phrase.speaker) {
        last.end = Math.max(last.end, piece.end);
      } else {
        spans.push({ start: piece.start, end: piece.end, speaker: phrase.speaker });
      }
    }
  }
  return spans;
}

/** Indices of the pieces that hold a match, one list for each match, in order. */
export function search(phrases: readonly Phrase[], query: string): number[][] {
  const wanted = query.trim().toLocaleLowerCase();
  if (wanted === "") return [];
  return phrases.flatMap((phrase) => matchesIn(phrase, wanted));
}

function matchesIn(phrase: Phrase, wanted: string): number[][] {
  const starts: number[] = [];
  let text = "";
  for (const piece of phrase.pieces) {
    text += piece.lead;
    starts.push(text.length);
    text += piece.text;
  }
  const haystack = text.toLocaleLowerCase();
  const matches: number[][] = [];
  for (let at = haystack.indexOf(wanted); at >= 0; at = haystack.indexOf(wanted, at + 1)) {
    const touched = phrase.pieces.filter((piece, i) => {
      const start = starts[i] ?? 0;
      return start < at + wanted.length && start + piece.text.length > at;
    });
    if (touched.length > 0) matches.push(touched.map((piece) => piece.index));
  }
  return matches;
}
