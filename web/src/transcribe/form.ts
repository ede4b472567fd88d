/** What the form holds, and the fields that it sends: the one source of request and code. */

import { signal } from "@preact/signals";
import type { Field } from "../wire/exchange";

export type Source =
  | { readonly kind: "file"; readonly file: File; readonly isRecording: boolean }
  | { readonly kind: "url"; readonly url: string };

export type Granularity = "none" | "segment" | "word";

export interface Form {
  readonly source: Source | null;
  readonly model: string;
  readonly language: string;
  readonly granularity: Granularity;
  readonly stream: boolean;
  readonly temperature: string;
  readonly diarize: boolean;
  readonly contextBias: string;
}

export const EMPTY_FORM: Form = {
  source: null,
  model: "",
  language: "",
  granularity: "word",
  stream: true,
  temperature: "",
  diarize: false,
  contextBias: "",
};

export const form = signal<Form>(EMPTY_FORM);

export function change(part: Partial<Form>): void {
  form.value = { ...form.value, ...part };
}

/** Words and phrases, one a line or separated by commas. */
export function biasTerms(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((term) => term.trim())
    .filter((term) => term !== "");
}

/** The fields of the request, in the order they are sent; defaults are left out. */
export function fieldsOf(form: Form): Field[] {
  const fields: Field[] = [["model", form.model]];
  if (form.source?.kind === "file") fields.push(["file", form.source.file]);
  if (form.source?.kind === "url") fields.push(["file_url", form.source.url]);
  if (form.language !== "") fields.push(["language", form.language]);
  if (form.granularity !== "none") fields.push(["timestamp_granularities", form.granularity]);
  if (form.temperature !== "") fields.push(["temperature", form.temperature]);
  if (form.diarize) fields.push(["diarize", "true"]);
  for (const term of biasTerms(form.contextBias)) fields.push(["context_bias", term]);
  if (form.stream) fields.push(["stream", "true"]);
  return fields;
}

export function nameOf(source: Source): string {
  return source.kind === "file" ? source.file.name : source.url;
}
