import { useRef } from "preact/hooks";
import { connect, keepKey } from "../server/connection";

/** Asks for the server's key. */
export function KeyEntry({ wasRefused }: { wasRefused: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  const open = (event: Event) => {
    event.preventDefault();
    const value = input.current?.value.trim() ?? "";
    if (value === "") return;
    keepKey(value);
    void connect();
  };
  return (
    <form class="lonely key-entry" onSubmit={open}>
      <h1>This server asks for a key</h1>
      <p id="key-note">It stays in this tab and is forgotten when the tab closes.</p>
      <label for="key">API key</label>
      <div class="row">
        <input
          id="key"
          ref={input}
          type="password"
          autocomplete="off"
          spellcheck={false}
          aria-describedby={wasRefused ? "key-refused" : "key-note"}
          aria-invalid={wasRefused}
        />
        <button type="submit" class="primary">
          Open
        </button>
      </div>
      {wasRefused && (
        <p class="field-error" id="key-refused" role="alert">
          The server does not know this key.
        </p>
      )}
    </form>
  );
}
