"""Voxtral in process, by transformers: a stepping engine, on a GPU or on the processor.

Needs the extra `voxtral`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, VoxtralForConditionalGeneration, VoxtralProcessor

from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    EngineInfo,
    Failed,
    Final,
    Utterance,
)
from auricle.engines.voxtral.model import CHUNK_S, VoxtralModel
from auricle.engines.voxtral.text import TidyText, plain_hypothesis
from auricle.engines.whisper.policy import is_loop
from auricle.errors import EngineFailed

MODEL_TYPE = "voxtral"
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
    cache: Any


class TransformersVoxtral:
    """A Voxtral of the offline class, from Hugging Face's layout; see `Engine`.

    A step prefills the utterances that wait, as far as their prompts are alike, or advances all
    others by a token.
    """

    def __init__(
        self, folder: Path, languages: Sequence[str], *, slots: int, n_threads: int
    ) -> None:
        """Load the checkpoint in `folder` onto the first GPU, or else into memory.

        Raises:
            EngineFailed: it is no checkpoint of that class.
        """
        kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
        if kind != MODEL_TYPE:
            raise EngineFailed(f"the engine transformers runs {MODEL_TYPE} checkpoints, not {kind}")
        torch.set_num_threads(n_threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if self._device.type == "cuda" else torch.float32
        model = VoxtralForConditionalGeneration.from_pretrained(
            folder, dtype=dtype, local_files_only=True
        )
        self._model = model.to(self._device).eval()
        self._processor = VoxtralProcessor.from_pretrained(folder, local_files_only=True)
        self._sizes = VoxtralModel(folder.name, tuple(languages))
        self._slots = slots
        ends = self._model.generation_config.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else [ends])
        self._waiting: dict[int, tuple[Utterance, DecodeOptions]] = {}
        self._groups: list[_Group] = []

    @property
    def info(self) -> EngineInfo:
        """See `Engine`."""
        return EngineInfo(
            name="transformers",
            max_utterance_s=CHUNK_S,
            languages=self._sizes.languages,
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

    def step(self) -> list[tuple[int, DecodeEvent]]:
        """Prefill some of those that wait, or advance all others by a token."""
        keys = self._alike()
        events: list[tuple[int, DecodeEvent]] = []
        try:
            with torch.inference_mode():
                if keys:
                    events += self._prefill(keys)
                else:
                    for group in list(self._groups):
                        events += self._advance(group)
        except (RuntimeError, ValueError) as error:  # out of memory for one
            reason = f"{type(error).__name__}: {error}"
            rows = [row.key for group in self._groups for row in group.rows]
            self._groups.clear()
            events += [(key, Failed(reason)) for key in dict.fromkeys([*keys, *rows])]
        return events

    def _alike(self) -> list[int]:
        """Keys of those that wait whose prompts have the same length as the first one's."""
        prompts = {
            key: (options.language, utterance.duration_s > CHUNK_S)
            for key, (utterance, options) in self._waiting.items()
        }
        first = next(iter(prompts.values()), None)
        return [key for key, prompt in prompts.items() if prompt == first]

    def _prefill(self, keys: list[int]) -> list[tuple[int, DecodeEvent]]:
        taken = [(key, *self._waiting.pop(key)) for key in keys]
        request = self._processor.apply_transcription_request(
            audio=[utterance.waveform for _, utterance, _ in taken],
            model_id=self._sizes.name,
            language=taken[0][2].language,
            sampling_rate=SAMPLE_RATE,
            format=["WAV"] * len(taken),
        ).to(self._device, dtype=self._model.dtype)
        output = self._model(
            input_ids=request["input_ids"],
            input_features=request["input_features"],
            use_cache=True,
            logits_to_keep=1,
        )
        rows = [
            _Row(
                key,
                options,
                utterance.duration_s,
                self._sizes.max_new_tokens(utterance.duration_s),
                torch.Generator().manual_seed(SEED),
            )
            for key, utterance, options in taken
        ]
        group = _Group(rows, output.past_key_values)
        self._groups.append(group)
        return self._take(group, output.logits[:, -1])

    def _advance(self, group: _Group) -> list[tuple[int, DecodeEvent]]:
        newest = torch.tensor([[row.tokens[-1]] for row in group.rows], device=self._device)
        output = self._model(
            input_ids=newest, past_key_values=group.cache, use_cache=True, logits_to_keep=1
        )
        return self._take(group, output.logits[:, -1])

    def _take(self, group: _Group, logits: torch.Tensor) -> list[tuple[int, DecodeEvent]]:
        """Choose each row's next token; rows that are done leave the group."""
        events: list[tuple[int, DecodeEvent]] = []
        going = []
        for row, scores in zip(group.rows, logits.float().cpu(), strict=True):
            token = _choose(scores, row)
            if token in self._ends:
                events += self._finish(row)
                continue
            row.tokens.append(token)
            events += self._delta(row)
            if is_loop(row.tokens):
                events += self._finish(row)
            elif len(row.tokens) >= row.max_tokens:
                events.append((row.key, Failed(f"no end within {row.max_tokens} tokens")))
            else:
                going.append(row)
        self._keep(group, going)
        return events

    def _delta(self, row: _Row) -> list[tuple[int, DecodeEvent]]:
        decoded = str(self._processor.tokenizer.decode(row.tokens, skip_special_tokens=True))
        if decoded.endswith(UNFINISHED):
            return []
        fresh = row.tidy.add(decoded[len(row.decoded) :])
        row.decoded = decoded
        row.text += fresh
        return [(row.key, Delta(fresh, row.options.language or ""))] if fresh else []

    def _finish(self, row: _Row) -> list[tuple[int, DecodeEvent]]:
        hypothesis = plain_hypothesis(row.text, row.duration_s, row.options.language)
        return [(row.key, Final(hypothesis))]

    def _keep(self, group: _Group, rows: list[_Row]) -> None:
        """Leave only these rows in a group; an empty one goes."""
        if not rows:
            self._groups = [each for each in self._groups if each is not group]
        elif len(rows) < len(group.rows):
            keys = {row.key for row in rows}
            kept = [i for i, row in enumerate(group.rows) if row.key in keys]
            group.cache.batch_select_indices(torch.tensor(kept, device=self._device))
        group.rows = rows


def _choose(scores: torch.Tensor, row: _Row) -> int:
    """The likeliest token, or a sample where a temperature is asked for."""
    if not row.options.temperature:
        return int(scores.argmax())
    shares = torch.softmax(scores / row.options.temperature, dim=-1)
    return int(torch.multinomial(shares, 1, generator=row.randomness))
