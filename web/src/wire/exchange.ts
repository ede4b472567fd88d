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

type OnChange = (exchange: Exchange, newFrames: readonly TimedFrame[]) => void;

/**
 * Send a request; `onChange` gets the exchange whenever it has changed, and the frames that are
 * new since the last time. Its outcome is `open` until the last time.
 */
export function send(request: WireRequest, key: string, onChange: OnChange): Call {
  const headers: Field[] = key === "" ? [] : [["authorization", `Bearer ${key}`]];
  return new Sending(request, headers, onChange);
}

class Sending implements Call {
  private readonly xhr = new XMLHttpRequest();
  private readonly started = performance.now();
  private readonly reader = new FrameReader();
  private readonly onChange: OnChange;
  private read = 0;
  private exchange: Exchange;

  constructor(request: WireRequest, headers: readonly Field[], onChange: OnChange) {
    this.onChange = onChange;
    this.exchange = {
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
    const { xhr } = this;
    xhr.upload.onprogress = ({ loaded, total }) =>
      this.publish({ uploadedShare: total > 0 ? loaded / total : 0 });
    xhr.upload.onload = () => this.publish({ uploadedShare: 1 });
    xhr.onreadystatechange = () => this.readHead();
    xhr.onprogress = () => this.readOn("open");
    xhr.onload = () => this.readOn("complete");
    xhr.onerror = () => this.readOn("broken");
    xhr.onabort = () => this.publish({ outcome: "cancelled" });
    xhr.open(request.method, request.path);
    for (const [name, value] of headers) xhr.setRequestHeader(name, value as string);
    xhr.send(request.fields.length === 0 ? null : formOf(request.fields));
  }

  cancel(): void {
    this.xhr.abort();
  }

  private publish(change: Partial<Exchange>, newFrames: readonly TimedFrame[] = []): void {
    if (this.exchange.outcome !== "open") return;
    const elapsedMs = performance.now() - this.started;
    this.exchange = { ...this.exchange, elapsedMs, ...change };
    this.onChange(this.exchange, newFrames);
  }

  private readHead(): void {
    const { readyState, status, statusText } = this.xhr;
    if (readyState !== XMLHttpRequest.HEADERS_RECEIVED) return;
    const responseHeaders = parseHeaders(this.xhr.getAllResponseHeaders());
    this.publish({ status, statusText, responseHeaders, uploadedShare: 1 });
  }

  private readOn(outcome: Outcome): void {
    const type = this.xhr.getResponseHeader("content-type") ?? "";
    const isStream = type.startsWith("text/event-stream");
    const atMs = performance.now() - this.started;
    const text = this.xhr.responseText;
    const fresh = isStream
      ? this.reader.feed(text.slice(this.read)).map((frame) => ({ ...frame, atMs }))
      : [];
    this.read = text.length;
    if (outcome === "open" && fresh.length === 0) return;
    const frames = [...this.exchange.frames, ...fresh].slice(0, MAX_KEPT_FRAMES);
    this.publish({ outcome, frames, body: isStream ? "" : text }, fresh);
  }
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
