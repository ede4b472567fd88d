import { expect, test } from "vitest";
import { bodyOf, inputsOf, pathValuesOf } from "../src/reference/inputs";
import { hasPath, honours, languagesOf } from "../src/server/abilities";
import type { ModelCard } from "../src/server/connection";
import { boundsOf, endpointsOf, fieldsOf, type OpenApi, typeOf } from "../src/server/openapi";

const DOCUMENT: OpenApi = {
  info: { title: "Auricle", version: "1" },
  paths: {
    "/v1/audio/transcriptions": {
      post: {
        operationId: "createTranscription",
        summary: "Transcribe",
        requestBody: {
          content: {
            "multipart/form-data": { schema: { $ref: "#/components/schemas/Request" } },
            "application/json": {
              schema: {
                allOf: [{ $ref: "#/components/schemas/Request" }],
                not: { required: ["file"] },
              },
            },
          },
        },
        responses: {},
      },
    },
    "/v1/models/{model_id}": {
      get: {
        operationId: "retrieveModel",
        summary: "One model",
        parameters: [{ name: "model_id", in: "path", required: true, schema: { type: "string" } }],
        responses: {},
      },
    },
  },
  components: {
    schemas: {
      Request: {
        type: "object",
        required: ["model"],
        properties: {
          model: { type: "string" },
          file: { type: "string", format: "binary" },
          stream: { type: "boolean", default: false },
          temperature: { anyOf: [{ type: "number", minimum: 0, maximum: 2 }, { type: "null" }] },
          context_bias: { type: "array", items: { type: "string" }, maxItems: 100 },
          timestamp_granularities: {
            type: "array",
            items: { type: "string", enum: ["segment", "word"] },
          },
        },
      },
    },
  },
};
const [TRANSCRIBE, RETRIEVE] = endpointsOf(DOCUMENT) as [
  ReturnType<typeof endpointsOf>[number],
  ReturnType<typeof endpointsOf>[number],
];

test("endpoints and what is there", () => {
  expect([TRANSCRIBE.method, RETRIEVE.path]).toEqual(["POST", "/v1/models/{model_id}"]);
  expect(hasPath(DOCUMENT, "/v1/audio/transcriptions")).toBe(true);
  expect(hasPath(DOCUMENT, "/v1/files")).toBe(false);
});

test("fields pass through references, less what a kind of body cannot carry", () => {
  const json = TRANSCRIBE.operation.requestBody?.content["application/json"]?.schema ?? {};
  const names = fieldsOf(DOCUMENT, json).map(({ name }) => name);
  expect(names).not.toContain("file");
  expect(names).toContain("stream");
});

test("types and bounds in words", () => {
  const fields = fieldsOf(DOCUMENT, { $ref: "#/components/schemas/Request" });
  const of = (name: string) => fields.find((field) => field.name === name)?.schema ?? {};
  expect(typeOf(DOCUMENT, of("file"))).toBe("file");
  expect(typeOf(DOCUMENT, of("temperature"))).toBe("number | null");
  expect(typeOf(DOCUMENT, of("timestamp_granularities"))).toBe("list of segment | word");
  expect(boundsOf(of("temperature"))).toEqual(["at least 0", "at most 2"]);
  expect(boundsOf(of("stream"))).toEqual(["default false"]);
});

test("a form for every field", () => {
  const inputs = inputsOf(DOCUMENT, TRANSCRIBE);
  expect(Object.fromEntries(inputs.map(({ name, kind }) => [name, kind]))).toEqual({
    model: "text",
    file: "file",
    stream: "flag",
    temperature: "number",
    context_bias: "lines",
    timestamp_granularities: "choice",
  });
  const file = new File(["x"], "a.wav");
  expect(bodyOf(inputs, { model: "m", file, context_bias: "a\n\n b ", stream: "" })).toEqual([
    ["model", "m"],
    ["file", file],
    ["context_bias", "a"],
    ["context_bias", "b"],
  ]);
  expect(pathValuesOf(inputsOf(DOCUMENT, RETRIEVE), { model_id: "m" })).toEqual({ model_id: "m" });
});

test("models say what they honour", () => {
  const card: ModelCard = {
    id: "m",
    name: null,
    description: null,
    aliases: [],
    capabilities: { audio_transcription_diarization: true },
    languages: ["de", "en", "yue"],
    features: ["context_bias"],
  };
  expect(honours(card, "diarize")).toBe(true);
  expect(honours(card, "context_bias")).toBe(true);
  expect(honours(card, "file_id")).toBe(false);
  expect(honours(undefined, "diarize")).toBe(false);
  expect(languagesOf(card)).toEqual([
    { code: "en", name: "English" },
    { code: "de", name: "German" },
  ]);
});
