import { expect, test } from "vitest";
import { FrameReader } from "../src/wire/sse";
import { parseServerTiming } from "../src/wire/timings";

const STREAM =
  'event: transcription.language\ndata: {"audio_language":"en"}\n\n' +
  ": keep-alive\n\n" +
  'event: transcription.text.delta\r\ndata: {"text":"Grüße"}\r\n\r\n' +
  "data: a\ndata: b\n\n";

test("frames are the same however the stream is cut", () => {
  const whole = new FrameReader().feed(STREAM);
  for (let cut = 0; cut <= STREAM.length; cut++) {
    const reader = new FrameReader();
    const frames = [...reader.feed(STREAM.slice(0, cut)), ...reader.feed(STREAM.slice(cut))];
    expect(frames).toEqual(whole);
  }
  expect(whole.map(({ event }) => event)).toEqual([
    "transcription.language",
    "",
    "transcription.text.delta",
    "message",
  ]);
  expect(whole[1]?.comment).toBe("keep-alive");
  expect(whole[2]?.data).toBe('{"text":"Grüße"}');
  expect(whole[3]?.data).toBe("a\nb");
});

test("what has no end yet is no frame", () => {
  expect(new FrameReader().feed("event: error\ndata: {}\n")).toEqual([]);
});

test("server timings are seconds by step", () => {
  expect(parseServerTiming("decode;dur=12.5, total;desc=x;dur=2000, miss, bad;dur=x")).toEqual({
    decode: 0.0125,
    total: 2,
  });
  expect(parseServerTiming("")).toEqual({});
});
