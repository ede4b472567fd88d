/** The server's OpenAPI document: the parts of it that the page reads. */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxItems?: number;
  readonly additionalProperties?: boolean | Schema;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

export type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

export interface Answer {
  readonly $ref?: string;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, { $ref?: string; description?: string }>>;
  readonly content?: Content;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Answer>>;
}

export interface OpenApi {
  readonly info: { readonly title: string; readonly version: string; readonly summary?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: object;
}

export interface Endpoint {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

export function endpointsOf(document: OpenApi): Endpoint[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

/** The value behind `#/components/…`; the value itself where it is no reference. */
export function resolve<T extends object>(document: OpenApi, value: T & { $ref?: string }): T {
  if (value.$ref === undefined) return value;
  let found: unknown = document;
  for (const step of value.$ref.replace(/^#\//, "").split("/")) {
    found = (found as Record<string, unknown>)?.[step];
  }
  return (found ?? {}) as T;
}

/** The last part of a reference: what people call the schema. */
export function nameOf(schema: Schema): string {
  return schema.$ref?.split("/").at(-1) ?? "";
}

export interface SchemaField {
  readonly name: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

/** The fields of an object schema, through references and `allOf`. */
export function fieldsOf(document: OpenApi, schema: Schema): SchemaField[] {
  const found = resolve(document, schema);
  const parts = (found.allOf ?? []).flatMap((part) => fieldsOf(document, part));
  const excluded = new Set(found.not?.required ?? []);
  const own = Object.entries(found.properties ?? {}).map(([name, property]) => ({
    name,
    schema: property,
    isRequired: found.required?.includes(name) ?? false,
  }));
  return [...parts, ...own].filter((field) => !excluded.has(field.name));
}

/** The variants of `anyOf`/`oneOf` without null. */
export function variantsOf(document: OpenApi, schema: Schema): Schema[] {
  const variants = (schema.anyOf ?? schema.oneOf ?? []).map((each) => resolve(document, each));
  return variants.filter((each) => each.type !== "null");
}

/** A type in a few words: `string (uri)`, `segment | word, list`. */
export function typeOf(document: OpenApi, schema: Schema): string {
  if (schema.$ref !== undefined) return nameOf(schema);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((each) => String(each)).join(" | ");
  const union = schema.anyOf ?? schema.oneOf;
  if (union !== undefined) return union.map((each) => typeOf(document, each)).join(" | ");
  const types = [schema.type ?? "any"].flat();
  const names = types.map((type) => {
    if (type === "array") return `list of ${typeOf(document, schema.items ?? {})}`;
    return type === "string" && schema.format === "binary" ? "file" : type;
  });
  const format = schema.format && schema.format !== "binary" ? ` (${schema.format})` : "";
  return names.join(" | ") + format;
}

/** The bounds a value must keep, in words. */
export function boundsOf(schema: Schema): string[] {
  const parts = [schema, ...(schema.anyOf ?? [])];
  const bounds: string[] = [];
  for (const part of parts) {
    if (part.pattern !== undefined) bounds.push(`matches ${part.pattern}`);
    if (part.minimum !== undefined) bounds.push(`at least ${part.minimum}`);
    if (part.maximum !== undefined) bounds.push(`at most ${part.maximum}`);
    if (part.maxItems !== undefined) bounds.push(`at most ${part.maxItems} items`);
  }
  if (schema.default !== undefined) bounds.push(`default ${JSON.stringify(schema.default)}`);
  return bounds;
}
