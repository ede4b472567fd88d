import { expect, test } from "vitest";
import { clock, cuesOf, fileName, toSrt, toText, toVtt } from "../src/transcribe/downloads";
import { bytes, duration, shortClock } from "../src/transcribe/format";
import { layOut } from "../src/transcribe/phrases";

const NAME = (speaker: string) => speaker.toUpperCase();
const SEGMENTS = [
  { text: "Good morning.", start: 0.5, end: 1.5 },
  { text: "a --> b", start: 2, end: 3661.25 },
];
const { phrases } = layOut("Good morning. a --> b", SEGMENTS);

test("SubRip", () => {
  expect(toSrt(cuesOf(phrases, NAME))).toBe(
    "1\n00:00:00,500 --> 00:00:01,500\nGood morning.\n\n" +
      "2\n00:00:02,000 --> 01:01:01,250\na -> b\n",
  );
});

test("WebVTT", () => {
  expect(toVtt(cuesOf(phrases, NAME))).toBe(
    "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nGood morning.\n\n" +
      "00:00:02.000 --> 01:01:01.250\na -> b\n",
  );
});

test("long phrases of words become cues of two lines at most", () => {
  const words = Array.from({ length: 60 }, (_, i) => ({ text: "word", start: i, end: i + 0.9 }));
  const cues = cuesOf(layOut(words.map((w) => w.text).join(" "), words).phrases, NAME);
  expect(cues.every(({ start, end, text }) => end - start <= 7 && text.length <= 84)).toBe(true);
  expect(
    cues
      .map(({ text }) => text)
      .join(" ")
      .split(" "),
  ).toHaveLength(60);
});

test("speakers are named", () => {
  const voiced = layOut("Hello there", [
    { text: "Hello there", start: 0, end: 1, speaker_id: "ann" },
  ]).phrases;
  expect(toText("Hello there", voiced, NAME)).toBe("ANN: Hello there\n");
  expect(cuesOf(voiced, NAME)[0]?.text).toBe("ANN: Hello there");
  expect(toText("Plain", phrases, NAME)).toBe("Plain\n");
});

test("times round once", () => {
  expect(clock(59.9996, ".")).toBe("00:01:00.000");
  expect(clock(0, ",")).toBe("00:00:00,000");
});

test("file names", () => {
  expect(fileName("a/b/talk.final.mp3", "srt")).toBe("talk.final.srt");
  expect(fileName("https://x.org/Größe.ogg?y=1", "txt")).toBe("Größe.txt");
  expect(fileName('"; rm.wav', "vtt")).toBe("__ rm.vtt");
  expect(fileName("data:audio/wav;base64,AA==", "txt")).toMatch(/^[\w ._-]+\.txt$/);
  expect(fileName("", "json")).toBe("transcript.json");
});

test("figures", () => {
  expect([0, 7.9, 725, 3723, Number.NaN].map(shortClock)).toEqual([
    "0:00",
    "0:07",
    "12:05",
    "1:02:03",
    "0:00",
  ]);
  expect([0.004, 0.42, 12.34].map(duration)).toEqual(["4 ms", "0.42 s", "12.3 s"]);
  expect([812, 1400, 250_000, 3.2e9].map(bytes)).toEqual(["812 B", "1.4 kB", "250 kB", "3.2 GB"]);
});
