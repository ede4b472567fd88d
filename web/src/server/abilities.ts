/** What the server says it can do; the page shows nothing else. */

import type { ModelCard } from "./connection";
import type { OpenApi } from "./openapi";

export const TRANSCRIPTIONS = "/v1/audio/transcriptions";

/** Whether the server has an endpoint, by its path in the OpenAPI document. */
export function hasPath(document: OpenApi, path: string): boolean {
  return path in document.paths;
}

/** Whether a model honours an optional field of a request. */
export function honours(model: ModelCard | undefined, field: string): boolean {
  if (model === undefined) return false;
  if (field === "diarize" && model.capabilities.audio_transcription_diarization) return true;
  return model.features?.includes(field) ?? false;
}

export interface Language {
  readonly code: string;
  readonly name: string;
}

/** The languages a request may name: two-letter codes, by their names. */
export function languagesOf(model: ModelCard | undefined, locale = "en"): Language[] {
  const names = new Intl.DisplayNames([locale], { type: "language" });
  return (model?.languages ?? [])
    .filter((code) => /^\w{2}$/.test(code))
    .map((code) => ({ code, name: names.of(code) ?? code }))
    .sort((a, b) => a.name.localeCompare(b.name, locale));
}

export function languageName(code: string, locale = "en"): string {
  try {
    return new Intl.DisplayNames([locale], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
