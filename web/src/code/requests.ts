/** Code for endpoints other than transcription: the SDK where it has a method, plain HTTP else. */

import { python, script } from "./quoting";
import {
  curlHead,
  type Place,
  pythonClient,
  pythonImports,
  type Tongue,
  typescriptClient,
} from "./snippets";

/** Calls of the SDKs by operation, with the path's parameters. */
const SDK: Readonly<
  Record<string, (values: Readonly<Record<string, string>>) => { ts: string; py: string }>
> = {
  listModels: () => ({ ts: "client.models.list()", py: "client.models.list()" }),
  retrieveModel: (values) => ({
    ts: `client.models.retrieve({ modelId: ${script(values.model_id ?? "")} })`,
    py: `client.models.retrieve(model_id=${python(values.model_id ?? "")})`,
  }),
};

/** The path with its parameters filled in. */
export function fill(path: string, values: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
}

export function requestSnippet(
  tongue: Tongue,
  operationId: string,
  path: string,
  values: Readonly<Record<string, string>>,
  place: Place,
): string {
  const call = SDK[operationId]?.(values);
  const url = place.origin + fill(path, values);
  if (tongue === "curl") return `curl ${curlHead(place, fill(path, values)).join(" \\\n  ")}\n`;
  if (tongue === "typescript") {
    if (call === undefined) return fetchSnippet(url, place);
    return [
      'import { Mistral } from "@mistralai/mistralai";',
      "",
      typescriptClient(place),
      `console.log(await ${call.ts});\n`,
    ].join("\n");
  }
  if (call === undefined) return urllibSnippet(url, place);
  return [...pythonImports(place), "", pythonClient(place), `print(${call.py})\n`].join("\n");
}

function fetchSnippet(url: string, { needsKey }: Place): string {
  const options = needsKey
    ? [
        ", {",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the snippet's
        "  headers: { authorization: `Bearer ${process.env.AURICLE_API_KEY}` },",
        "}",
      ].join("\n")
    : "";
  return `const answer = await fetch(${script(url)}${options});\nconsole.log(await answer.text());\n`;
}

function urllibSnippet(url: string, { needsKey }: Place): string {
  const imports = needsKey ? "import os\nimport urllib.request\n" : "import urllib.request\n";
  const headers = needsKey
    ? ', headers={"Authorization": f"Bearer {os.environ[\'AURICLE_API_KEY\']}"}'
    : "";
  return [
    imports,
    `request = urllib.request.Request(${python(url)}${headers})`,
    "with urllib.request.urlopen(request) as answer:",
    "    print(answer.read().decode())\n",
  ].join("\n");
}
