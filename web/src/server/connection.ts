/** The server this page came from: its key, its models, its own description. */

import { signal } from "@preact/signals";
import type { OpenApi } from "./openapi";

const KEY_NAME = "auricle.key";

export interface ModelCard {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly aliases: readonly string[];
  readonly capabilities: Readonly<Record<string, boolean>>;
  readonly languages?: readonly string[];
  readonly features?: readonly string[];
}

export type Connection =
  | { readonly state: "connecting" }
  | { readonly state: "locked"; readonly wasRefused: boolean }
  | { readonly state: "unreachable"; readonly reason: string }
  | { readonly state: "ready"; readonly models: readonly ModelCard[]; readonly document: OpenApi };

/** Kept for this tab only: gone when it closes, never in a URL, a cookie or a snippet. */
export const key = signal(sessionStorage.getItem(KEY_NAME) ?? "");
export const connection = signal<Connection>({ state: "connecting" });

export function keepKey(value: string): void {
  key.value = value;
  if (value === "") sessionStorage.removeItem(KEY_NAME);
  else sessionStorage.setItem(KEY_NAME, value);
}

export function forgetKey(): void {
  keepKey("");
  connection.value = { state: "locked", wasRefused: false };
}

class Refused extends Error {}

async function getJson(path: string): Promise<unknown> {
  const headers: Record<string, string> =
    key.value === "" ? {} : { authorization: `Bearer ${key.value}` };
  const response = await fetch(path, { headers });
  if (response.status === 401) throw new Refused();
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

/** Learn what the server can do; asks for a key where it wants one. */
export async function connect(): Promise<void> {
  connection.value = { state: "connecting" };
  try {
    const [models, document] = await Promise.all([getJson("/v1/models"), getJson("/openapi.json")]);
    connection.value = {
      state: "ready",
      models: (models as { data: ModelCard[] }).data,
      document: document as OpenApi,
    };
  } catch (error) {
    if (error instanceof Refused) {
      const wasRefused = key.value !== "";
      keepKey("");
      connection.value = { state: "locked", wasRefused };
    } else {
      connection.value = { state: "unreachable", reason: String(error) };
    }
  }
}
