"""Language and times for a model that gives text alone: a second engine listens beside it.

Its companion, a Whisper model on this machine, hears the language while the first text is under
way, and places the finished text in the audio (forced alignment).
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    Failed,
    Final,
    Hypothesis,
    Submit,
    Ticket,
    Utterance,
)
from auricle.transcript.joining import join_words, separator
from auricle.transcript.model import Segment, Word

SENTENCE_ENDS = frozenset(".!?…。！？।")
AFTER_SENTENCE = "\"'»“”’)]」』"
"""What may follow the end of a sentence before the space."""
PAUSE_S = 1.5
"""A pause between words at which a segment ends, sentence or not."""


@dataclass(frozen=True, slots=True)
class Companion:
    """Makes a whole `Submit` of one whose hypotheses are a text without language and times.

    `speaks` gives the text; `listens` is an engine that aligns (`EngineInfo.aligns`).
    """

    speaks: Submit
    listens: Submit

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        """See `auricle.engines.protocol.Submit`.

        Raises:
            AuricleError: whatever `speaks` raises.
        """
        language = asyncio.create_task(self._language(utterance, options, ticket))
        try:
            async with aclosing(self.speaks(utterance, options, ticket)) as events:
                async for event in events:
                    if isinstance(event, Failed):
                        yield event
                        return
                    heard = await language
                    if isinstance(heard, Failed):
                        yield heard
                        return
                    if isinstance(event, Delta):
                        yield replace(event, language=heard.language)
                    else:
                        yield await self._place(event, heard, utterance, options, ticket)
        finally:
            language.cancel()
            await asyncio.gather(language, return_exceptions=True)

    async def _language(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> Hypothesis | Failed:
        if options.language is not None:
            return Hypothesis((), options.language, 1.0, 0.0, utterance.duration_s)
        return await self._listen(utterance, replace(options, words=False, given_text=""), ticket)

    async def _listen(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> Hypothesis | Failed:
        async with aclosing(self.listens(utterance, options, ticket)) as events:
            async for event in events:
                if isinstance(event, Final):
                    return event.hypothesis
                if isinstance(event, Failed):
                    return event
        return Failed("bug: an engine ended without a result")

    async def _place(
        self,
        final: Final,
        heard: Hypothesis,
        utterance: Utterance,
        options: DecodeOptions,
        ticket: Ticket,
    ) -> Final | Failed:
        """The final event with language and, if anybody looks at them, times."""
        text = " ".join(segment.text for segment in final.hypothesis.segments)
        segments = final.hypothesis.segments
        if text and (options.times or options.words):
            asked = replace(options, language=heard.language, words=True, given_text=text)
            placed = await self._listen(utterance, asked, ticket)
            if isinstance(placed, Failed):
                return placed
            words = words_for(text, placed, utterance.duration_s)
            segments = segments_of(words, with_words=options.words)
        hypothesis = replace(
            final.hypothesis,
            segments=segments,
            language=heard.language,
            language_probability=heard.language_probability,
        )
        return replace(final, hypothesis=hypothesis)


def words_for(text: str, placed: Hypothesis, duration_s: float) -> list[Word]:
    """The words of a text, with the times at which the companion heard them.

    Where it could not place the text as it is written, words share the time by their length.
    Scores are left out: the companion's certainty is not the model's.
    """
    words = [replace(word, score=None) for segment in placed.segments for word in segment.words]
    if join_words(words) == text:
        return words
    n_characters = 0
    spread = []
    for written in text.split():
        start_s = duration_s * n_characters / len(text)
        n_characters += len(written) + 1
        end_s = min(duration_s, duration_s * n_characters / len(text))
        spread.append(Word(written, start_s, end_s))
    return spread


def segments_of(words: Sequence[Word], *, with_words: bool) -> tuple[Segment, ...]:
    """Words cut into segments: after a sentence and in long pauses.

    Segments are cut only where joining them again gives the text as it was.
    """
    segments: list[Segment] = []
    first = 0
    for i in range(1, len(words) + 1):
        if i < len(words) and not _is_cut(words[i - 1], words[i]):
            continue
        part = tuple(words[first:i])
        segments.append(
            Segment(
                join_words([replace(part[0], glued=False), *part[1:]]),
                part[0].start,
                part[-1].end,
                words=part if with_words else (),
            )
        )
        first = i
    return tuple(segments)


def _is_cut(before: Word, after: Word) -> bool:
    gap = "" if after.glued else " "
    if separator(before.text, after.text) != gap:
        return False
    ends_sentence = before.text.rstrip(AFTER_SENTENCE)[-1:] in SENTENCE_ENDS
    return ends_sentence or after.start - before.end > PAUSE_S
