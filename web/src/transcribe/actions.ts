/** What the panel does: start, follow and cancel one transcription. */

import { computed, signal } from "@preact/signals";
import { TRANSCRIPTIONS } from "../server/abilities";
import { connection, forgetKey, key } from "../server/connection";
import { type Call, send } from "../wire/exchange";
import { fieldsOf, form, type Granularity, type Source } from "./form";
import { layOut } from "./phrases";
import { Player } from "./player";
import { advance, IDLE, type Session } from "./session";

export const session = signal<Session>(IDLE);
export const player = new Player();

/** What the running or finished transcription was asked for; the form may have moved on. */
export const asked = signal<{ granularity: Granularity; source: Source } | null>(null);

export const layout = computed(() => layOut(session.value.text, session.value.entries));

/** Names that the user gave to speakers. */
export const speakerNames = signal<Readonly<Record<string, string>>>({});

export function speakerName(speaker: string): string {
  return speakerNames.value[speaker] ?? speaker.replace("speaker_", "Speaker ");
}

let call: Call | null = null;

export function transcribe(): void {
  const { source, granularity } = form.value;
  if (source === null || connection.value.state !== "ready") return;
  call?.cancel();
  asked.value = { source, granularity };
  speakerNames.value = {};
  session.value = { ...IDLE, phase: "running" };
  const request = { method: "POST", path: TRANSCRIPTIONS, fields: fieldsOf(form.value) };
  const own = send(request, key.value, (exchange, newFrames) => {
    if (call !== own) return;
    session.value = advance(session.value, exchange, newFrames);
    if (exchange.status === 401 && exchange.outcome !== "open") forgetKey();
  });
  call = own;
}

export function cancel(): void {
  call?.cancel();
}

/** Forget the transcript; a running one is cancelled. */
export function reset(): void {
  const old = call;
  call = null;
  old?.cancel();
  session.value = IDLE;
  asked.value = null;
}
