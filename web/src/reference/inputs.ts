/** The inputs of a try-it form, from an operation's parameters and body. */

import { type Endpoint, fieldsOf, type OpenApi, type Schema, variantsOf } from "../server/openapi";
import type { Field } from "../wire/exchange";

export type Kind = "text" | "file" | "flag" | "number" | "choice" | "lines";

export interface Input {
  readonly name: string;
  readonly place: "path" | "body";
  readonly kind: Kind;
  readonly isRequired: boolean;
  readonly choices: readonly string[];
}

export type Values = Readonly<Record<string, string | File>>;

export function inputsOf(document: OpenApi, { operation }: Endpoint): Input[] {
  const parameters = (operation.parameters ?? []).map((parameter) => ({
    name: parameter.name,
    place: "path" as const,
    isRequired: parameter.required ?? false,
    ...kindOf(document, parameter.schema),
  }));
  const schema = operation.requestBody?.content["multipart/form-data"]?.schema;
  const body = schema === undefined ? [] : fieldsOf(document, schema);
  return [
    ...parameters,
    ...body.map(({ name, schema: field, isRequired }) => ({
      name,
      place: "body" as const,
      isRequired,
      ...kindOf(document, field),
    })),
  ];
}

function kindOf(document: OpenApi, schema: Schema): { kind: Kind; choices: string[] } {
  const [variant] = schema.anyOf ? variantsOf(document, schema) : [schema];
  const known = variant ?? schema;
  if (known.format === "binary") return { kind: "file", choices: [] };
  if (known.type === "boolean") return { kind: "flag", choices: ["true", "false"] };
  if (known.type === "number" || known.type === "integer") return { kind: "number", choices: [] };
  if (known.enum !== undefined) return { kind: "choice", choices: known.enum.map(String) };
  if (known.type === "array" && known.items?.enum !== undefined) {
    return { kind: "choice", choices: known.items.enum.map(String) };
  }
  return { kind: known.type === "array" ? "lines" : "text", choices: [] };
}

/** The fields that go into the body; what was left empty is left out. */
export function bodyOf(inputs: readonly Input[], values: Values): Field[] {
  return inputs
    .filter((input) => input.place === "body")
    .flatMap((input) => fieldOf(input, values[input.name] ?? ""));
}

function fieldOf({ name, kind }: Input, value: string | File): Field[] {
  if (typeof value !== "string") return [[name, value]];
  if (value === "") return [];
  if (kind !== "lines") return [[name, value]];
  const lines = value.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => [name, line.trim()]);
}

export function pathValuesOf(inputs: readonly Input[], values: Values): Record<string, string> {
  const paths = inputs.filter((input) => input.place === "path");
  return Object.fromEntries(paths.map(({ name }) => [name, String(values[name] ?? "")]));
}
