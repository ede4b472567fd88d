"""Language and times for a model that gives text alone: a second engine listens beside it.

Its companion, a Whisper model on this machine, hears the language while the first text is under
way, and places the finished text in the audio (forced alignment).
"""

import asyncio
from collections.abc import AsyncGenerator
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
from auricle.transcript.joining import join_words
from auricle.transcript.model import Segment, Word


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
        if text and options.words:
            asked = replace(options, language=heard.language, words=True, given_text=text)
            placed = await self._listen(utterance, asked, ticket)
            if isinstance(placed, Failed):
                return placed
            words = words_for(text, placed, utterance.duration_s)
            segments = (Segment(text, words[0].start, words[-1].end, words=tuple(words)),)
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
