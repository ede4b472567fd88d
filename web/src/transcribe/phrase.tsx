import { Component } from "preact";
import { player, speakerName, speakerNames } from "./actions";
import { shortClock } from "./format";
import type { Phrase } from "./phrases";
import { speakerColour } from "./speakers";

interface Props {
  readonly phrase: Phrase;
  /** Whether somebody else begins to speak. */
  readonly isTurn: boolean;
  readonly found: ReadonlySet<number>;
}

/** A paragraph. It is drawn again only when it has changed: a long transcript has thousands. */
export class PhraseView extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { phrase, isTurn, found } = this.props;
    if (isTurn !== next.isTurn || phrase.pieces.length !== next.phrase.pieces.length) return true;
    if (phrase.speaker !== next.phrase.speaker) return true;
    return phrase.pieces.some((piece, i) => {
      const other = next.phrase.pieces[i];
      const isSame =
        piece.text === other?.text && piece.start === other.start && piece.lead === other.lead;
      return !isSame || found.has(piece.index) !== next.found.has(piece.index);
    });
  }

  override render({ phrase, isTurn, found }: Props) {
    const { speaker, start, pieces } = phrase;
    return (
      <div class="phrase" style={{ "--voice": speakerColour(speaker) }}>
        {isTurn && speaker !== null && <SpeakerName speaker={speaker} />}
        <button
          type="button"
          class="time"
          aria-label={`Play from ${shortClock(start)}`}
          onClick={() => player.playFrom(start)}
        >
          {shortClock(start)}
        </button>
        <p>
          {pieces.map((piece, i) => [
            i === 0 ? "" : piece.lead,
            <span
              key={piece.index}
              data-piece={piece.index}
              class={found.has(piece.index) ? "found" : undefined}
            >
              {piece.text}
            </span>,
          ])}
        </p>
      </div>
    );
  }
}

/** Whoever speaks, under a name that one can change. */
function SpeakerName({ speaker }: { speaker: string }) {
  return (
    <input
      class="speaker"
      aria-label={`Name of ${speaker}`}
      value={speakerName(speaker)}
      onChange={(event) => {
        const name = event.currentTarget.value.trim();
        speakerNames.value = { ...speakerNames.value, [speaker]: name || speaker };
      }}
    />
  );
}
