/** What went wrong, in words for people, from whatever the server said. */

export interface Problem {
  readonly title: string;
  readonly lines: readonly string[];
  readonly requestId: string;
}

const TITLES: Record<number, string> = {
  400: "The server cannot do this",
  401: "The server asks for a key",
  403: "Not allowed from here",
  404: "Not found",
  413: "Over a limit",
  422: "A field is missing or wrong",
  429: "The server is busy",
  500: "The server failed",
  503: "The server is not ready",
  504: "It took too long",
};

export const BROKEN: Problem = {
  title: "The connection broke off",
  lines: ["What arrived before it is shown; it may be incomplete."],
  requestId: "",
};

export const UNREACHABLE: Problem = {
  title: "The server does not answer",
  lines: ["Is Auricle still running?"],
  requestId: "",
};

/** The problem behind an error body. */
export function problemOf(status: number, body: string, requestId = ""): Problem {
  const title = TITLES[status] ?? `The server answered ${status}`;
  return { title, lines: linesOf(body), requestId };
}

function linesOf(body: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return body === "" ? [] : [body.slice(0, 500)];
  }
  const message = (parsed as { message?: unknown }).message;
  if (typeof message === "string") return [message];
  const detail = (message as { detail?: unknown } | undefined)?.detail;
  if (Array.isArray(detail)) return detail.map(fieldLine);
  const plain = (parsed as { detail?: unknown }).detail;
  return typeof plain === "string" ? [plain] : [body.slice(0, 500)];
}

function fieldLine(problem: { loc?: unknown[]; msg?: string }): string {
  const place = (problem.loc ?? []).filter((part) => part !== "body").join(".");
  return place === "" ? `${problem.msg}` : `${place}: ${problem.msg}`;
}
