/** The request on the screen as a program: TypeScript, Python and curl, complete as they stand. */

import type { Field } from "../wire/exchange";
import { curlFile, python, script, shell } from "./quoting";

export type Tongue = "typescript" | "python" | "curl";

export const TONGUES: readonly { id: Tongue; title: string; install: string }[] = [
  { id: "typescript", title: "TypeScript", install: "npm install @mistralai/mistralai" },
  { id: "python", title: "Python", install: "pip install mistralai" },
  { id: "curl", title: "curl", install: "" },
];

/** What a snippet must know besides the fields. */
export interface Place {
  readonly origin: string;
  /** Whether the server asks for a key; the snippet reads it from AURICLE_API_KEY. */
  readonly needsKey: boolean;
}

const LISTS = new Set(["timestamp_granularities", "context_bias"]);

interface Parts {
  readonly file: File | null;
  readonly isStream: boolean;
  /** Everything else, lists gathered. */
  readonly values: readonly (readonly [string, string | readonly string[]])[];
}

function partsOf(fields: readonly Field[]): Parts {
  const values = new Map<string, string | string[]>();
  let file: File | null = null;
  for (const [name, value] of fields) {
    if (typeof value !== "string") file = value;
    else if (LISTS.has(name)) values.set(name, [...(values.get(name) ?? []), value]);
    else if (name !== "stream") values.set(name, value);
  }
  const isStream = fields.some(([name, value]) => name === "stream" && value === "true");
  return { file, isStream, values: [...values] };
}

const BARE = new Set(["temperature", "diarize"]);

function literal(
  name: string,
  value: string | readonly string[],
  quote: (text: string) => string,
  word: (text: string) => string,
): string {
  if (typeof value !== "string") return `[${value.map(quote).join(", ")}]`;
  return BARE.has(name) ? word(value) : quote(value);
}

export function transcriptionSnippet(
  tongue: Tongue,
  fields: readonly Field[],
  place: Place,
): string {
  if (tongue === "typescript") return typescript(partsOf(fields), place);
  return tongue === "python" ? pythonSdk(partsOf(fields), place) : curl(fields, place);
}

const camel = (name: string) =>
  name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

export const typescriptClient = ({ origin, needsKey }: Place): string => {
  const key = needsKey ? "process.env.AURICLE_API_KEY" : '"none"';
  return `const client = new Mistral({\n  apiKey: ${key},\n  serverURL: ${script(origin)},\n});`;
};

function typescript({ file, isStream, values }: Parts, place: Place): string {
  const lines = [
    ...(file ? ['import * as fs from "node:fs";'] : []),
    'import { Mistral } from "@mistralai/mistralai";',
    "",
    typescriptClient(place),
    "",
    `const ${isStream ? "events" : "answer"} = await client.audio.transcriptions.${
      isStream ? "stream" : "complete"
    }({`,
    ...values.map(([name, value]) => `  ${camel(name)}: ${literal(name, value, script, String)},`),
  ];
  if (file) {
    const name = script(file.name);
    lines.push("  file: {", `    fileName: ${name},`);
    lines.push(`    content: fs.readFileSync(${name}),`, "  },");
  }
  lines.push("});");
  if (!isStream) return `${[...lines, "console.log(answer.text);"].join("\n")}\n`;
  lines.push(
    "for await (const event of events) {",
    '  if (event.event === "transcription.text.delta") {',
    "    process.stdout.write(event.data.text);",
    "  }",
    "}",
  );
  return `${lines.join("\n")}\n`;
}

export const pythonClient = ({ origin, needsKey }: Place): string => {
  const key = needsKey ? 'os.environ["AURICLE_API_KEY"]' : '"none"';
  return `client = Mistral(\n    api_key=${key},\n    server_url=${python(origin)},\n)`;
};

export const pythonImports = ({ needsKey }: Place): string[] => [
  ...(needsKey ? ["import os", ""] : []),
  "# mistralai 1.x: from mistralai import Mistral",
  "from mistralai.client import Mistral",
];

function pythonSdk({ file, isStream, values }: Parts, place: Place): string {
  const word = (text: string) => (text === "true" ? "True" : text === "false" ? "False" : text);
  const call = [
    `${isStream ? "events" : "answer"} = client.audio.transcriptions.${
      isStream ? "stream" : "complete"
    }(`,
    ...values.map(([name, value]) => `    ${name}=${literal(name, value, python, word)},`),
  ];
  if (file) call.push(`    file={"content": file, "file_name": ${python(file.name)}},`);
  call.push(")");
  const show = isStream
    ? [
        "for event in events:",
        '    if event.event == "transcription.text.delta":',
        '        print(event.data.text, end="", flush=True)',
      ]
    : ["print(answer.text)"];
  const body = [...call, ...show];
  const lines = [...pythonImports(place), "", pythonClient(place)];
  if (file === null) return `${[...lines, ...body].join("\n")}\n`;
  lines.push(`with open(${python(file.name)}, "rb") as file:`);
  return `${[...lines, ...body.map((line) => `    ${line}`)].join("\n")}\n`;
}

export function curlHead(place: Place, path: string): string[] {
  const key = place.needsKey ? ['-H "Authorization: Bearer $AURICLE_API_KEY"'] : [];
  return [shell(place.origin + path), ...key];
}

function curl(fields: readonly Field[], place: Place): string {
  const isStream = fields.some(([name]) => name === "stream");
  const words = [
    ...curlHead(place, "/v1/audio/transcriptions"),
    ...fields.map(([name, value]) =>
      typeof value === "string"
        ? `--form-string ${shell(`${name}=${value}`)}`
        : `-F ${shell(`${name}=@${curlFile(value.name)}`)}`,
    ),
  ];
  return `curl ${isStream ? "-N " : ""}${words.join(" \\\n  ")}\n`;
}
