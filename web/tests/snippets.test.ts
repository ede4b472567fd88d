import { expect, test } from "vitest";
import { curlFile, python, script, shell } from "../src/code/quoting";
import { fill, requestSnippet } from "../src/code/requests";
import { transcriptionSnippet } from "../src/code/snippets";
import { EMPTY_FORM, type Form, fieldsOf } from "../src/transcribe/form";

const PLACE = { origin: "http://127.0.0.1:8000", needsKey: false };
const FILE = new File(["x"], "talk.mp3");
const FORM: Form = {
  ...EMPTY_FORM,
  source: { kind: "file", file: FILE, isRecording: false },
  model: "voxtral-mini-latest",
};

test("only what was chosen is sent", () => {
  expect(fieldsOf({ ...FORM, granularity: "none", stream: false })).toEqual([
    ["model", "voxtral-mini-latest"],
    ["file", FILE],
  ]);
  const all = { ...FORM, language: "de", temperature: "0.2", diarize: true, contextBias: "a b, c" };
  expect(fieldsOf(all).map(([name]) => name)).toEqual([
    "model",
    "file",
    "language",
    "timestamp_granularities",
    "temperature",
    "diarize",
    "context_bias",
    "context_bias",
    "stream",
  ]);
});

test("TypeScript", () => {
  expect(transcriptionSnippet("typescript", fieldsOf({ ...FORM, language: "de" }), PLACE)).toBe(
    `import * as fs from "node:fs";
import { Mistral } from "@mistralai/mistralai";

const client = new Mistral({
  apiKey: "none",
  serverURL: "http://127.0.0.1:8000",
});

const events = await client.audio.transcriptions.stream({
  model: "voxtral-mini-latest",
  language: "de",
  timestampGranularities: ["word"],
  file: {
    fileName: "talk.mp3",
    content: fs.readFileSync("talk.mp3"),
  },
});
for await (const event of events) {
  if (event.event === "transcription.text.delta") {
    process.stdout.write(event.data.text);
  }
}
`,
  );
});

test("Python", () => {
  const form = { ...FORM, stream: false, diarize: true, contextBias: "Chez Panisse" };
  expect(transcriptionSnippet("python", fieldsOf(form), { ...PLACE, needsKey: true })).toBe(
    `import os

# mistralai 1.x: from mistralai import Mistral
from mistralai.client import Mistral

client = Mistral(
    api_key=os.environ["AURICLE_API_KEY"],
    server_url="http://127.0.0.1:8000",
)
with open("talk.mp3", "rb") as file:
    answer = client.audio.transcriptions.complete(
        model="voxtral-mini-latest",
        timestamp_granularities=["word"],
        diarize=True,
        context_bias=["Chez Panisse"],
        file={"content": file, "file_name": "talk.mp3"},
    )
    print(answer.text)
`,
  );
});

test("curl", () => {
  const url = { kind: "url", url: "https://x.org/a?b=1&c=2" } as const;
  const fields = fieldsOf({ ...FORM, source: url, granularity: "segment" });
  expect(transcriptionSnippet("curl", fields, { ...PLACE, needsKey: true })).toBe(
    `curl -N http://127.0.0.1:8000/v1/audio/transcriptions \\
  -H "Authorization: Bearer $AURICLE_API_KEY" \\
  --form-string model=voxtral-mini-latest \\
  --form-string 'file_url=https://x.org/a?b=1&c=2' \\
  --form-string timestamp_granularities=segment \\
  --form-string stream=true
`,
  );
});

test("texts stay texts", () => {
  expect(shell("a'b $(rm) `x`")).toBe("'a'\\''b $(rm) `x`'");
  expect(shell("")).toBe("''");
  expect(script('"\u2028\n')).toBe('"\\"\\u2028\\n"');
  expect(python('a"\\\n')).toBe('"a\\"\\\\\\n"');
  expect(curlFile('a"b;c\\d.mp3')).toBe('"a\\"b;c\\\\d.mp3"');
});

test("other endpoints", () => {
  expect(fill("/v1/models/{model_id}", { model_id: "a/b c" })).toBe("/v1/models/a%2Fb%20c");
  expect(requestSnippet("curl", "live", "/health/live", {}, PLACE)).toBe(
    "curl http://127.0.0.1:8000/health/live\n",
  );
  expect(
    requestSnippet("python", "retrieveModel", "/v1/models/{model_id}", { model_id: "m" }, PLACE),
  ).toContain('print(client.models.retrieve(model_id="m"))');
  expect(requestSnippet("typescript", "metrics", "/metrics", {}, PLACE)).toContain(
    'fetch("http://127.0.0.1:8000/metrics")',
  );
});
