/** One transcription: from the press of the button to its end, as a fold of what arrives. */

import type { Exchange, TimedFrame } from "../wire/exchange";
import { headerOf } from "../wire/exchange";
import { BROKEN, type Problem, problemOf, UNREACHABLE } from "../wire/problem";
import { parseServerTiming } from "../wire/timings";

/** A segment, or one word: what `segments` holds. Times in seconds. */
export interface Entry {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly score?: number | null;
  readonly speaker_id?: string | null;
}

export interface Usage {
  readonly prompt_audio_seconds: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** The blocking answer, and the payload of `transcription.done`. */
export interface Answer {
  readonly model: string;
  readonly text: string;
  readonly language: string | null;
  readonly segments: readonly Entry[];
  readonly usage: Usage;
  readonly notices?: readonly string[];
}

export type Phase = "idle" | "running" | "done" | "failed" | "cancelled";

export interface Session {
  readonly phase: Phase;
  readonly exchange: Exchange | null;
  readonly text: string;
  readonly entries: readonly Entry[];
  readonly language: string | null;
  /** Seconds of the recording whose text is final. */
  readonly position: number;
  /** Seconds by step, as the server measured them. */
  readonly timings: Readonly<Record<string, number>>;
  readonly answer: Answer | null;
  readonly problem: Problem | null;
}

export const IDLE: Session = {
  phase: "idle",
  exchange: null,
  text: "",
  entries: [],
  language: null,
  position: 0,
  timings: {},
  answer: null,
  problem: null,
};

/** The session after a change of its exchange. */
export function advance(
  session: Session,
  exchange: Exchange,
  newFrames: readonly TimedFrame[],
): Session {
  const next: Writable<Session> = { ...session, exchange, phase: "running" };
  let entries: Entry[] | null = null;
  for (const frame of newFrames) {
    if (frame.comment !== "") takeComment(next, frame.comment);
    if (frame.event === "transcription.segment") {
      entries ??= [...next.entries];
      entries.push(JSON.parse(frame.data) as Entry);
    } else if (frame.event !== "") {
      takeEvent(next, frame.event, frame.data);
    }
  }
  if (entries !== null && next.answer === null) next.entries = entries;
  const last = next.entries.at(-1);
  next.position = Math.max(next.position, last?.end ?? 0);
  return exchange.outcome === "open" ? next : end(next, exchange);
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function takeComment(session: Writable<Session>, comment: string): void {
  const progress = /^progress: (\d+(?:\.\d+)?)$/.exec(comment);
  if (progress) session.position = Math.max(session.position, Number(progress[1]));
  const timings = /^server-timing: (.*)$/.exec(comment);
  if (timings) session.timings = parseServerTiming(timings[1] ?? "");
}

function takeEvent(session: Writable<Session>, event: string, data: string): void {
  if (event === "transcription.language") {
    session.language = (JSON.parse(data) as { audio_language: string }).audio_language;
  } else if (event === "transcription.text.delta") {
    session.text += (JSON.parse(data) as { text: string }).text;
  } else if (event === "transcription.done") {
    takeAnswer(session, data);
  } else if (event === "error") {
    const status = (JSON.parse(data) as { raw_status_code?: number }).raw_status_code ?? 500;
    session.problem = problemOf(status, data);
  }
}

function takeAnswer(session: Writable<Session>, body: string): void {
  const { type: _, ...answer } = JSON.parse(body) as Answer & { type?: string };
  session.answer = answer;
  session.text = answer.text;
  session.entries = answer.segments;
  session.language = answer.language;
}

function end(session: Writable<Session>, exchange: Exchange): Session {
  const requestId = headerOf(exchange, "x-request-id");
  if (exchange.outcome === "cancelled") return { ...session, phase: "cancelled" };
  if (exchange.status === 0) return { ...session, phase: "failed", problem: UNREACHABLE };
  if (exchange.status >= 400) {
    const problem = problemOf(exchange.status, exchange.body, requestId);
    return { ...session, phase: "failed", problem };
  }
  if (session.answer === null && exchange.outcome === "complete" && exchange.body !== "") {
    takeAnswer(session, exchange.body);
    session.timings = parseServerTiming(headerOf(exchange, "server-timing"));
  }
  if (session.answer === null) {
    const problem = { ...(session.problem ?? BROKEN), requestId };
    return { ...session, phase: "failed", problem };
  }
  return { ...session, phase: "done" };
}

/** Real-time factor: seconds of work for each second of audio; null where that says nothing. */
export function realTimeFactor(workSeconds: number, audioSeconds: number): number | null {
  return audioSeconds > 0 && workSeconds > 0 ? workSeconds / audioSeconds : null;
}
