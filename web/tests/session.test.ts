import { expect, test } from "vitest";
import { advance, IDLE, realTimeFactor, type Session } from "../src/transcribe/session";
import type { Exchange, TimedFrame } from "../src/wire/exchange";
import { FrameReader } from "../src/wire/sse";

const OPEN: Exchange = {
  request: { method: "POST", path: "/", fields: [] },
  headers: [],
  outcome: "open",
  status: 200,
  statusText: "OK",
  responseHeaders: [["X-Request-Id", "abc"]],
  body: "",
  frames: [],
  uploadedShare: 1,
  elapsedMs: 1,
};

const ANSWER = {
  model: "m",
  text: "Good morning.",
  language: "en",
  segments: [{ type: "transcription_segment", text: "Good morning.", start: 0.5, end: 1.5 }],
  usage: { prompt_audio_seconds: 2, prompt_tokens: 4, completion_tokens: 6, total_tokens: 385 },
};

function frames(text: string): TimedFrame[] {
  return new FrameReader().feed(text).map((frame) => ({ ...frame, atMs: 0 }));
}

function event(type: string, payload: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...payload })}\n\n`;
}

function play(texts: string[], last: Partial<Exchange>): Session {
  const steps = texts.map((text) => frames(text));
  const running = steps.reduce((session, each) => advance(session, OPEN, each), IDLE);
  return advance(running, { ...OPEN, ...last }, []);
}

const BEGIN =
  event("transcription.language", { audio_language: "en" }) +
  event("transcription.text.delta", { text: "Good " });
const SEGMENT = event("transcription.segment", { text: "Good morning.", start: 0.5, end: 1.5 });

test("a stream grows and ends as its last event", () => {
  const half = advance(IDLE, OPEN, frames(BEGIN));
  expect(half).toMatchObject({ phase: "running", text: "Good ", language: "en", position: 0 });
  const whole = play(
    [
      BEGIN,
      SEGMENT,
      ": progress: 1.75\n\n: server-timing: decode;dur=10\n\n",
      event("transcription.done", ANSWER),
    ],
    { outcome: "complete" },
  );
  expect(whole).toMatchObject({ phase: "done", position: 1.75, timings: { decode: 0.01 } });
  expect(whole.answer).toEqual(ANSWER);
  expect(whole.entries).toEqual(ANSWER.segments);
});

test("the blocking answer is the same", () => {
  const session = play([], {
    outcome: "complete",
    body: JSON.stringify(ANSWER),
    responseHeaders: [["server-timing", "total;dur=1500"]],
  });
  expect(session).toMatchObject({ phase: "done", text: ANSWER.text, timings: { total: 1.5 } });
});

test("a broken stream keeps its text and is no success", () => {
  const session = play([BEGIN], { outcome: "broken" });
  expect(session).toMatchObject({ phase: "failed", text: "Good " });
  expect(session.problem).toMatchObject({ title: "The connection broke off", requestId: "abc" });
});

test("an error event says what it was", () => {
  const error = { object: "error", message: "an engine was lost", raw_status_code: 503 };
  const text = `event: error\ndata: ${JSON.stringify(error)}\n\n`;
  const session = play([BEGIN, text], { outcome: "broken" });
  expect(session.problem?.title).toBe("The server is not ready");
  expect(session.problem?.lines).toEqual(["an engine was lost"]);
});

test("a refusal shows each field", () => {
  const detail = [
    { type: "missing", loc: ["body", "model"], msg: "Field required" },
    { type: "audio_source", loc: ["body"], msg: "exactly one" },
  ];
  const body = JSON.stringify({ object: "error", message: { detail }, raw_status_code: 422 });
  const session = play([], { outcome: "complete", status: 422, body });
  expect(session.phase).toBe("failed");
  expect(session.problem?.lines).toEqual(["model: Field required", "exactly one"]);
});

test("no answer at all is told from a broken one", () => {
  expect(play([], { outcome: "broken", status: 0 }).problem?.title).toBe(
    "The server does not answer",
  );
});

test("cancelled keeps what there was", () => {
  expect(play([BEGIN], { outcome: "cancelled" })).toMatchObject({
    phase: "cancelled",
    text: "Good ",
  });
});

test("real-time factor", () => {
  expect(realTimeFactor(2, 8)).toBe(0.25);
  expect(realTimeFactor(2, 0)).toBeNull();
});
