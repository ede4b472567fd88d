/**
 * One request and its answer, kept as they went over the wire.
 *
 * XMLHttpRequest rather than fetch: it alone tells how much of an upload has gone.
 */

import { type Frame, FrameReader } from "./sse";

export type Field = readonly [name: string, value: string | File];

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly fields: readonly Field[];
}

export interface TimedFrame extends Frame {
  /** Milliseconds since the request was sent. */
  readonly atMs: number;
}

export type Outcome = "open" | "complete" | "broken" | "cancelled";

export interface Exchange {
  readonly request: WireRequest;
  readonly headers: readonly Field[];
  readonly outcome: Outcome;
  /** 0 until the answer's head has arrived. */
  readonly status: number;
  readonly statusText: string;
  readonly responseHeaders: readonly (readonly [string, string])[];
  readonly body: string;
  readonly frames: readonly TimedFrame[];
  readonly uploadedShare: number;
  readonly elapsedMs: number;
}

export interface Call {
  cancel(): void;
}

/** Frames kept for show; a transcript of many hours has more than anyone scrolls through. */
export const MAX_KEPT_FRAMES = 5000;

/**
 * Send a request; `onChange` gets the exchange whenever it has changed, and the frames that are
 * new since the last time. Its outcome is `open` until the last time.
 */
export function send(
  request: WireRequest,
  key: string,
  onChange: (exchange: Exchange, newFrames: readonly TimedFrame[]) => void,
): Call {
  const xhr = new XMLHttpRequest();
  const started = performance.now();
  const reader = new FrameReader();
  const headers: Field[] = key === "" ? [] : [["authorization", `Bearer ${key}`]];
  let read = 0;
  let exchange: Exchange = {
    request,
    headers,
    outcome: "open",
    status: 0,
    statusText: "",
    responseHeaders: [],
    body: "",
    frames: [],
    uploadedShare: request.fields.length === 0 ? 1 : 0,
    elapsedMs: 0,
  };

  function publish(change: Partial<Exchange>, newFrames: readonly TimedFrame[] = []): void {
    if (exchange.outcome !== "open") return;
    exchange = { ...exchange, elapsedMs: performance.now() - started, ...change };
    onChange(exchange, newFrames);
  }

  function readOn(outcome: Outcome): void {
    const isStream = xhr.getResponseHeader("content-type")?.startsWith("text/event-stream");
    const atMs = performance.now() - started;
    const text = xhr.responseText;
    const fresh = isStream ? reader.feed(text.slice(read)).map((each) => ({ ...each, atMs })) : [];
    read = text.length;
    if (outcome === "open" && fresh.length === 0) return;
    const frames = [...exchange.frames, ...fresh].slice(0, MAX_KEPT_FRAMES);
    publish({ outcome, frames, body: isStream ? "" : text }, fresh);
  }

  xhr.upload.onprogress = (event) =>
    publish({ uploadedShare: event.total > 0 ? event.loaded / event.total : 0 });
  xhr.upload.onload = () => publish({ uploadedShare: 1 });
  xhr.onreadystatechange = () => {
    if (xhr.readyState !== XMLHttpRequest.HEADERS_RECEIVED) return;
    const responseHeaders = parseHeaders(xhr.getAllResponseHeaders());
    const { status, statusText } = xhr;
    publish({ status, statusText, responseHeaders, uploadedShare: 1 });
  };
  xhr.onprogress = () => readOn("open");
  xhr.onload = () => readOn("complete");
  xhr.onerror = () => readOn("broken");
  xhr.onabort = () => publish({ outcome: "cancelled" });
  xhr.open(request.method, request.path);
  for (const [name, value] of headers) xhr.setRequestHeader(name, value as string);
  xhr.send(request.fields.length === 0 ? null : formOf(request.fields));
  return { cancel: () => xhr.abort() };
}

function formOf(fields: readonly Field[]): FormData {
  const form = new FormData();
  for (const [name, value] of fields) {
    if (typeof value === "string") form.append(name, value);
    else form.append(name, value, value.name);
  }
  return form;
}

export function parseHeaders(text: string): [string, string][] {
  return text
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
}

export function headerOf(exchange: Exchange, name: string): string {
  return exchange.responseHeaders.find(([each]) => each.toLowerCase() === name)?.[1] ?? "";
}
