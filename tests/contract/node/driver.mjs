// Makes the calls a test asks for with @mistralai/mistralai, in lines of JSON; the Python side
// is contract/sdk.py. In: {call, url, key, arguments}. Out: {event} for each streamed event as
// it arrives, then one {result} or {error}.
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Mistral } from "@mistralai/mistralai";

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [rename(name), renamed(item, rename)]),
  );
}

async function fields({ file, ...others }) {
  const given = renamed(others, camel);
  if (file) given.file = { fileName: file.name, content: await readFile(file.path) };
  return given;
}

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const plain = (value) => renamed(JSON.parse(JSON.stringify(value)), snake);

async function answer(client, call, given) {
  switch (call) {
    case "complete":
      return plain(await client.audio.transcriptions.complete(await fields(given)));
    case "stream": {
      const stream = await client.audio.transcriptions.stream(await fields(given));
      for await (const event of stream) say({ event: plain(event) });
      return null;
    }
    case "models":
      return plain(await client.models.list());
    case "model":
      return plain(await client.models.retrieve({ modelId: given.model_id }));
    default:
      throw new Error(`no such call: ${call}`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { call, url, key, arguments: given } = JSON.parse(line);
  try {
    const client = new Mistral({ serverURL: url, apiKey: key });
    say({ result: await answer(client, call, given) });
  } catch (error) {
    const { name, message, statusCode = null, body = null } = error;
    say({ error: { name, message: String(message), status: statusCode, body } });
  }
}
