"""Voxtral in process, by transformers: a stepping engine, on a GPU or on the processor.

Needs the extra `voxtral`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    EngineInfo,
    Failed,
    Final,
    Utterance,
)
from auricle.engines.voxtral.model import CHUNK_S
from auricle.engines.voxtral.text import TidyText, plain_hypothesis
from auricle.engines.voxtral.transformers_models import Memory, load
from auricle.engines.whisper.policy import is_loop

Events = list[tuple[int, DecodeEvent]]

UNFINISHED = "\ufffd"
"""What the start of a character decodes to."""
SEED = 0
"""Of each utterance's samples: decoded again after a crash, it must say the same."""


@dataclass(slots=True)
class _Row:
    """An utterance in work."""

    key: int
    options: DecodeOptions
    duration_s: float
    max_tokens: int
    randomness: torch.Generator
    tokens: list[int] = field(default_factory=list)
    decoded: str = ""
    text: str = ""
    tidy: TidyText = field(default_factory=TidyText)


@dataclass(slots=True)
class _Group:
    """Rows that were prefilled together: their prompts are of one length, so nothing is padded."""

    rows: list[_Row]
    memory: Memory


class TransformersVoxtral:
    """A Voxtral of either class, from Hugging Face's layout; see `Engine`.

    A step prefills the utterances that wait, as far as their prompts are alike, or advances all
    others by a token.
    """

    def __init__(
        self, folder: Path, languages: Sequence[str], *, slots: int, n_threads: int
    ) -> None:
        """Load the checkpoint in `folder` onto the first GPU, or else into memory.

        Raises:
            EngineFailed: it is no checkpoint of a Voxtral.
        """
        torch.set_num_threads(n_threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = load(folder, self._device)
        self._languages = tuple(languages)
        self._slots = slots
        self._waiting: dict[int, tuple[Utterance, DecodeOptions]] = {}
        self._groups: list[_Group] = []

    @property
    def info(self) -> EngineInfo:
        """See `Engine`."""
        return EngineInfo(
            name="transformers",
            max_utterance_s=CHUNK_S,
            languages=self._languages,
            slots=self._slots,
            word_times=False,
        )

    def join(self, key: int, utterance: Utterance, options: DecodeOptions) -> None:
        """See `Engine`."""
        self._waiting[key] = (utterance, options)

    def cancel(self, key: int) -> None:
        """See `Engine`."""
        self._waiting.pop(key, None)
        for group in self._groups:
            self._keep(group, [row for row in group.rows if row.key != key])

    def close(self) -> None:
        """See `Engine`."""
        self._waiting.clear()
        self._groups.clear()

    def step(self) -> Events:
        """Prefill some of those that wait, or advance all others by a token."""
        with torch.inference_mode():
            if keys := self._alike():
                return self._attempt(keys, partial(self._prefill, keys))
            events: Events = []
            for group in list(self._groups):
                keys = [row.key for row in group.rows]
                events += self._attempt(keys, partial(self._advance, group))
            return events

    def _attempt(self, keys: list[int], work: Callable[[], Events]) -> Events:
        """Do a piece of work. Where it fails, for want of memory for one, its rows alone fail."""
        try:
            return work()
        except (RuntimeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
        lost = set(keys)
        self._waiting = {key: each for key, each in self._waiting.items() if key not in lost}
        self._groups = [
            group for group in self._groups if not any(row.key in lost for row in group.rows)
        ]
        return [(key, Failed(reason)) for key in keys]

    def _alike(self) -> list[int]:
        """Keys of those that wait whose prompts have the same length as the first one's."""
        prompts = {key: self._model.prompt(*each) for key, each in self._waiting.items()}
        first = next(iter(prompts.values()), None)
        return [key for key, prompt in prompts.items() if prompt == first]

    def _prefill(self, keys: list[int]) -> Events:
        taken = [(key, *self._waiting.pop(key)) for key in keys]
        begun = self._model.prefill([utterance for _, utterance, _ in taken], taken[0][2].language)
        rows = [
            _Row(
                key,
                options,
                utterance.duration_s,
                max_tokens,
                torch.Generator().manual_seed(SEED),
            )
            for (key, utterance, options), max_tokens in zip(taken, begun.max_tokens, strict=True)
        ]
        group = _Group(rows, begun.memory)
        self._groups.append(group)
        return self._take(group, begun.scores)

    def _advance(self, group: _Group) -> Events:
        newest = [row.tokens[-1] for row in group.rows]
        return self._take(group, self._model.advance(group.memory, newest))

    def _take(self, group: _Group, scores: torch.Tensor) -> Events:
        """Choose each row's next token; rows that are done leave the group."""
        events: Events = []
        going = []
        for row, of_row in zip(group.rows, scores.float().cpu(), strict=True):
            token = _choose(of_row, row)
            if token in self._model.ends:
                events += self._finish(row)
                continue
            row.tokens.append(token)
            events += self._delta(row)
            if self._model.ends_by_itself and is_loop(row.tokens):
                events += self._finish(row)
            elif len(row.tokens) < row.max_tokens:
                going.append(row)
            elif self._model.ends_by_itself:
                events.append((row.key, Failed(f"no end within {row.max_tokens} tokens")))
            else:
                events += self._finish(row)
        self._keep(group, going)
        return events

    def _delta(self, row: _Row) -> Events:
        decoded = str(self._model.tokenizer.decode(row.tokens, skip_special_tokens=True))
        if decoded.endswith(UNFINISHED):
            return []
        fresh = row.tidy.add(decoded[len(row.decoded) :])
        row.decoded = decoded
        row.text += fresh
        return [(row.key, Delta(fresh, row.options.language or ""))] if fresh else []

    def _finish(self, row: _Row) -> Events:
        hypothesis = plain_hypothesis(row.text, row.duration_s, row.options.language)
        return [(row.key, Final(hypothesis))]

    def _keep(self, group: _Group, rows: list[_Row]) -> None:
        """Leave only these rows in a group; an empty one goes."""
        if not rows:
            self._groups = [each for each in self._groups if each is not group]
        elif len(rows) < len(group.rows):
            keys = {row.key for row in rows}
            kept = [i for i, row in enumerate(group.rows) if row.key in keys]
            group.memory.keep(kept, self._device)
        group.rows = rows


def _choose(scores: torch.Tensor, row: _Row) -> int:
    """The likeliest token, or a sample where a temperature is asked for."""
    if not row.options.temperature:
        return int(scores.argmax())
    shares = torch.softmax(scores / row.options.temperature, dim=-1)
    return int(torch.multinomial(shares, 1, generator=row.randomness))
