/** A little colour for short programs: strings, comments and keywords. The text stays as it is. */

import type { ComponentChildren } from "preact";
import type { Tongue } from "./snippets";

const KEYWORDS =
  "import|from|const|await|for|of|in|if|as|with|open|new|print|return|curl|console|process|client|let";

const TOKEN: Record<Tongue, RegExp> = {
  typescript: new RegExp(
    `("(?:[^"\\\\\\n]|\\\\.)*"|\`[^\`]*\`)|(//[^\\n]*)|\\b(${KEYWORDS})\\b`,
    "g",
  ),
  python: new RegExp(`("(?:[^"\\\\\\n]|\\\\.)*")|(#[^\\n]*)|\\b(${KEYWORDS})\\b`, "g"),
  curl: /('[^']*'|"(?:[^"\\]|\\.)*")|(#[^\n]*)|(^curl|(?<=\s)--?[\w-]+)/g,
};

export function highlight(code: string, tongue: Tongue): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const match of code.matchAll(TOKEN[tongue])) {
    const kind = match[1] !== undefined ? "string" : match[2] !== undefined ? "comment" : "word";
    parts.push(code.slice(at, match.index));
    parts.push(<span class={`token-${kind}`}>{match[0]}</span>);
    at = match.index + match[0].length;
  }
  return [...parts, code.slice(at)];
}
