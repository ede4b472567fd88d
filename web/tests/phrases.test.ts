import { expect, test } from "vitest";
import { layOut, pieceAt, search, speechSpans, textOf } from "../src/transcribe/phrases";
import type { Entry } from "../src/transcribe/session";

const SECOND = 0.4;

/** Words of 0.4 s each; `|` is a pause of two seconds. */
function words(text: string): Entry[] {
  let at = 0;
  return text.split(" ").flatMap((word) => {
    if (word === "|") {
      at += 2;
      return [];
    }
    const entry = { text: word, start: at, end: at + SECOND };
    at += SECOND;
    return [entry];
  });
}

test("phrases hold the whole text, with what stands between words", () => {
  const text = "One  two, three four five six. Seven—eight nine";
  const entries = words("One two, three four five six. Seven— eight nine");
  const { phrases, pieces, tail } = layOut(text, entries);
  expect(phrases.map(textOf)).toEqual(["One  two, three four five six.", "Seven—eight nine"]);
  expect(pieces).toHaveLength(entries.length);
  expect(tail).toBe("");
});

test("text without times yet is the tail", () => {
  const { phrases, tail } = layOut("One two and more", words("One two"));
  expect(phrases.map(textOf)).toEqual(["One two"]);
  expect(tail).toBe(" and more");
  expect(layOut("Only text", [])).toMatchObject({ phrases: [], tail: "Only text" });
});

test("scripts without spaces stay without", () => {
  const entries = ["你好", "世界"].map((text, i) => ({ text, start: i, end: i + 1 }));
  expect(layOut("你好世界", entries).phrases.map(textOf)).toEqual(["你好世界"]);
});

test("a word that the text does not have is shown all the same", () => {
  const { phrases } = layOut("One two", words("One zwei two"));
  expect(phrases.map(textOf)).toEqual(["One zwei two"]);
});

test("a pause or another voice begins a phrase", () => {
  const text = "One two three";
  expect(layOut(text, words("One | two three")).phrases).toHaveLength(2);
  const [a, b, c] = words(text) as [Entry, Entry, Entry];
  const voiced = [
    { ...a, speaker_id: "speaker_1" },
    { ...b, speaker_id: "speaker_2" },
    { ...c, speaker_id: "speaker_2" },
  ];
  expect(layOut(text, voiced).phrases.map((phrase) => phrase.speaker)).toEqual([
    "speaker_1",
    "speaker_2",
  ]);
});

test("a long sentence breaks at the end of a clause", () => {
  const text = `${"on ".repeat(44)}and, ${"on ".repeat(100).trim()}`;
  const lengths = layOut(text, words(text)).phrases.map((phrase) => phrase.pieces.length);
  expect(lengths).toEqual([45, 80, 20]);
});

test("segments are phrases of their own", () => {
  const entries = [
    { text: "Good morning.", start: 0, end: 1 },
    { text: "All is well.", start: 1, end: 2 },
  ];
  expect(layOut("Good morning. All is well.", entries).phrases).toHaveLength(2);
});

test("the piece that is heard", () => {
  const { pieces } = layOut("One two three", words("One two three"));
  expect([-1, 0, 0.39, 0.4, 5].map((time) => pieceAt(pieces, time))).toEqual([-1, 0, 0, 1, 2]);
  expect(pieceAt([], 1)).toBe(-1);
});

test("speech is joined over short pauses, and there are never too many spans", () => {
  const { phrases } = layOut("One two three", words("One two | three"));
  expect(speechSpans(phrases, 4).map(({ start, end }) => [start, end])).toEqual([
    [0, 0.8],
    [2.8, 3.1999999999999997],
  ]);
  const many = words(Array.from({ length: 4000 }, () => "a |").join(" "));
  const long = layOut(many.map((word) => word.text).join(" "), many);
  expect(speechSpans(long.phrases, 9600).length).toBeLessThanOrEqual(600);
});

test("search finds across words, whatever the case", () => {
  const { phrases } = layOut("One two. Two ones", words("One two. Two ones"));
  expect(search(phrases, "TWO")).toEqual([[1], [2]]);
  expect(search(phrases, "one two")).toEqual([[0, 1]]);
  expect(search(phrases, "one")).toEqual([[0], [3]]);
  expect(search(phrases, "  ")).toEqual([]);
  expect(search(phrases, "three")).toEqual([]);
});
