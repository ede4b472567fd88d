import { useComputed, useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { asked, layout, player, session } from "./actions";
import { PhraseView } from "./phrase";
import { pieceAt } from "./phrases";
import { Toolbar } from "./toolbar";

const NOT_FOUND: ReadonlySet<number> = new Set();

/** The text: it grows as it is recognised, follows the sound, and takes one to any word. */
export function TranscriptView() {
  const paper = useRef<HTMLDivElement>(null);
  const [found, setFound] = useState(NOT_FOUND);
  const { phrases, tail } = layout.value;
  const { phase, text } = session.value;
  const current = useComputed(() => pieceAt(layout.value.pieces, player.time.value));
  useSignalEffect(() => light(paper.current, current.value, player.isPlaying.value));
  useEffect(() => light(paper.current, current.peek(), false), [phrases, current]);

  const isBare = asked.value?.granularity === "none";
  return (
    <article class={`transcript ${phase}`} aria-label="Transcript">
      <Toolbar onFound={setFound} />
      <div
        ref={paper}
        class="paper"
        role="group"
        aria-label="Text; the arrow keys move through the words"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrows move through the words
        tabIndex={0}
        aria-busy={phase === "running"}
        onClick={playPiece}
        onKeyDown={(event) => moveByKey(event, current.peek())}
      >
        {phrases.map((phrase, i) => (
          <PhraseView
            key={phrase.pieces[0]?.index ?? i}
            phrase={phrase}
            isTurn={phrase.speaker !== null && phrase.speaker !== phrases[i - 1]?.speaker}
            found={found}
          />
        ))}
        {tail.trim() !== "" && <p class={isBare ? "bare" : "tail"}>{tail}</p>}
        {phase === "running" && <span class="caret" aria-hidden="true" />}
        {phase === "done" && text === "" && <p class="nothing">Nobody speaks in this recording.</p>}
      </div>
    </article>
  );
}

/** Play from the word that was clicked. */
function playPiece({ target }: Event): void {
  const element = target instanceof Element ? target.closest<HTMLElement>("[data-piece]") : null;
  const piece = layout.value.pieces[Number(element?.dataset.piece ?? -1)];
  if (piece !== undefined && !hasSelection()) player.playFrom(piece.start);
}

/** The arrow keys go to the word before or after. */
function moveByKey(event: KeyboardEvent, current: number): void {
  const { pieces } = layout.value;
  const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (step === 0 || pieces.length === 0 || event.target !== event.currentTarget) return;
  event.preventDefault();
  const next = pieces[Math.min(pieces.length - 1, Math.max(0, current + step))];
  if (next !== undefined) player.seek(next.start);
}

/** Someone who selects text to copy it does not want to listen. */
function hasSelection(): boolean {
  return (getSelection()?.toString() ?? "") !== "";
}

/** Mark the piece that is heard; done by hand, as it changes many times a second. */
function light(paper: HTMLElement | null, index: number, isPlaying: boolean): void {
  if (paper === null) return;
  const wanted = paper.querySelector<HTMLElement>(`[data-piece="${index}"]`);
  const lit = paper.querySelector<HTMLElement>("[data-piece].now");
  if (wanted === lit) return;
  lit?.classList.remove("now");
  wanted?.classList.add("now");
  if (isPlaying && wanted !== null && !isVisible(wanted)) {
    wanted.scrollIntoView({ block: "center", behavior: "smooth" });
  }
}

/** The player and the tools stay at the top of the window, over the text. */
const COVERED_PX = 160;

function isVisible(element: HTMLElement): boolean {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= COVERED_PX && bottom <= innerHeight;
}
