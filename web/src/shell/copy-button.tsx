import { useState } from "preact/hooks";
import { Icon } from "./icon";

const SHOWN_MS = 1500;

/** Copies a text, and says that it did. */
export function CopyButton({ text }: { text: () => string }) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setState("copied");
    } catch {
      setState("failed");
    }
    setTimeout(() => setState("idle"), SHOWN_MS);
  };
  const label = { idle: "Copy", copied: "Copied", failed: "Not allowed" }[state];
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      <Icon name={state === "copied" ? "check" : "copy"} />
      <span aria-live="polite">{label}</span>
    </button>
  );
}
