import { useEffect, useMemo, useState } from "preact/hooks";
import { CopyButton } from "../shell/copy-button";
import { Icon } from "../shell/icon";
import { asked, layout, session, speakerName } from "./actions";
import {
  cuesOf,
  type Format,
  fileName,
  MEDIA_TYPES,
  toJson,
  toSrt,
  toText,
  toVtt,
} from "./downloads";
import { nameOf } from "./form";
import { search } from "./phrases";

/** Search, copy, download. */
export function Toolbar({ onFound }: { onFound: (found: ReadonlySet<number>) => void }) {
  const { text } = session.value;
  return (
    <div class="toolbar">
      <Search onFound={onFound} />
      <div class="toolbar-end">
        {text !== "" && (
          <CopyButton text={() => toText(text, layout.value.phrases, speakerName).trimEnd()} />
        )}
        <Downloads />
      </div>
    </div>
  );
}

function Search({ onFound }: { onFound: (found: ReadonlySet<number>) => void }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const { phrases } = layout.value;
  const matches = useMemo(() => search(phrases, query), [phrases, query]);
  useEffect(() => onFound(new Set(matches.flat())), [matches, onFound]);
  if (phrases.length === 0) return <span />;
  const go = (step: number) => {
    if (matches.length === 0) return;
    const next = (at + step + matches.length) % matches.length;
    setAt(next);
    const element = document.querySelector(`[data-piece="${matches[next]?.[0]}"]`);
    element?.scrollIntoView({ block: "center", behavior: "smooth" });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      setQuery("");
      event.currentTarget instanceof HTMLElement && event.currentTarget.blur();
    }
  };
  return (
    <div class="search">
      <Icon name="search" />
      <input
        id="search"
        type="search"
        aria-label="Search in the transcript"
        placeholder="Search"
        value={query}
        onInput={(event) => {
          setQuery(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      {query.trim() !== "" && (
        <>
          <output>{matches.length === 0 ? "none" : `${at + 1} of ${matches.length}`}</output>
          <button
            type="button"
            class="quiet icon-only"
            aria-label="Previous"
            onClick={() => go(-1)}
          >
            <Icon name="up" />
          </button>
          <button type="button" class="quiet icon-only" aria-label="Next" onClick={() => go(1)}>
            <Icon name="down" />
          </button>
        </>
      )}
    </div>
  );
}

function Downloads() {
  const { answer } = session.value;
  if (answer === null) return null;
  const formats: Format[] =
    answer.segments.length > 0 ? ["txt", "json", "srt", "vtt"] : ["txt", "json"];
  return (
    <div class="downloads" role="group" aria-label="Download">
      {formats.map((format) => (
        <button key={format} type="button" class="quiet" onClick={() => download(format)}>
          {format}
        </button>
      ))}
    </div>
  );
}

function contentOf(format: Format): string {
  const { answer, text } = session.value;
  const { phrases } = layout.value;
  if (format === "txt" || answer === null) return toText(text, phrases, speakerName);
  if (format === "json") return toJson(answer);
  const cues = cuesOf(phrases, speakerName);
  return format === "srt" ? toSrt(cues) : toVtt(cues);
}

function download(format: Format): void {
  const url = URL.createObjectURL(new Blob([contentOf(format)], { type: MEDIA_TYPES[format] }));
  const link = document.createElement("a");
  link.href = url;
  const source = asked.value?.source;
  link.download = fileName(source === undefined ? "" : nameOf(source), format);
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
