"""Both classes of Voxtral as transformers has them: how rows are prefilled and advanced.

Needs the extra `voxtral`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    VoxtralForConditionalGeneration,
    VoxtralProcessor,
    VoxtralRealtimeForConditionalGeneration,
    VoxtralRealtimeProcessor,
)

from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import DecodeOptions, Utterance
from auricle.engines.voxtral.model import CHUNK_S, VoxtralModel
from auricle.errors import EngineFailed


@dataclass(slots=True)
class Memory:
    """What a model remembers of rows in work: its cache, of one length for all of them.

    `audio` [rows, tokens, width] is what the realtime class adds to each token in turn.
    """

    cache: Any
    audio: torch.Tensor | None = None

    def keep(self, rows: Sequence[int], device: torch.device) -> None:
        """Forget all rows but these."""
        kept = torch.tensor(rows, device=device)
        self.cache.batch_select_indices(kept)
        if self.audio is not None:
            self.audio = self.audio[kept]


@dataclass(frozen=True, slots=True)
class Prefilled:
    """Rows that were prefilled together: scores [rows, vocabulary] of their first tokens.

    `max_tokens` is how many tokens each of them may have.
    """

    memory: Memory
    scores: torch.Tensor
    max_tokens: list[int]


class VoxtralClass(Protocol):
    """A checkpoint in memory. Its methods raise RuntimeError where memory does not suffice."""

    ends_by_itself: bool
    """Whether a text ends before its tokens do; else it ends with them."""

    @property
    def tokenizer(self) -> Any:
        """Has `decode`."""
        ...

    @property
    def ends(self) -> frozenset[int]:
        """Tokens that end a text."""
        ...

    def prompt(self, utterance: Utterance, options: DecodeOptions) -> Hashable:
        """What must be equal for two prompts to have the same length."""
        ...

    def prefill(self, utterances: Sequence[Utterance], language: str | None) -> Prefilled:
        """Read utterances whose prompts have the same length."""
        ...

    def advance(self, memory: Memory, newest: Sequence[int]) -> torch.Tensor:
        """Read the newest token of each row; scores [rows, vocabulary] of the next ones."""
        ...


class _Checkpoint:
    """A checkpoint of the class `_model_class` on its device, ready to be asked."""

    _model_class: Any
    _processor_class: Any

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self._device = device
        model = self._model_class.from_pretrained(folder, dtype=dtype, local_files_only=True)
        self._model = model.to(device).eval()
        self._processor = self._processor_class.from_pretrained(folder, local_files_only=True)
        self.tokenizer = self._processor.tokenizer
        ends = self._model.generation_config.eos_token_id
        self.ends: frozenset[int] = frozenset(ends if isinstance(ends, list) else [ends])


class OfflineVoxtral(_Checkpoint):
    """The class of Voxtral-Mini-3B-2507: all audio is in the prompt, padded to 30 s."""

    _model_class = VoxtralForConditionalGeneration
    _processor_class = VoxtralProcessor
    ends_by_itself = True

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        """Load the checkpoint."""
        super().__init__(folder, device, dtype)
        self._sizes = VoxtralModel(folder.name, ())

    def prompt(self, utterance: Utterance, options: DecodeOptions) -> Hashable:
        """See `VoxtralClass`."""
        return options.language, utterance.duration_s > CHUNK_S

    def prefill(self, utterances: Sequence[Utterance], language: str | None) -> Prefilled:
        """See `VoxtralClass`."""
        request = self._processor.apply_transcription_request(
            audio=[utterance.waveform for utterance in utterances],
            model_id=self._sizes.name,
            language=language,
            sampling_rate=SAMPLE_RATE,
            format=["WAV"] * len(utterances),
        ).to(self._device, dtype=self._model.dtype)
        output = self._model(
            input_ids=request["input_ids"],
            input_features=request["input_features"],
            use_cache=True,
            logits_to_keep=1,
        )
        limits = [self._sizes.max_new_tokens(utterance.duration_s) for utterance in utterances]
        return Prefilled(Memory(output.past_key_values), output.logits[:, -1], limits)

    def advance(self, memory: Memory, newest: Sequence[int]) -> torch.Tensor:
        """See `VoxtralClass`."""
        output = self._model(
            input_ids=torch.tensor(newest, device=self._device)[:, None],
            past_key_values=memory.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]


class RealtimeVoxtral(_Checkpoint):
    """The class of Voxtral-Mini-4B-Realtime-2602: each token carries 80 ms of the audio.

    Its prompt is the same for every utterance, and its encoder looks back only: audio of any
    lengths goes together, and what pads the shorter ones at their end is heard by nobody.
    transformers' own `forward` encodes the audio anew with each token; here it is encoded once.
    """

    _model_class = VoxtralRealtimeForConditionalGeneration
    _processor_class = VoxtralRealtimeProcessor
    ends_by_itself = False

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        """Load the checkpoint."""
        super().__init__(folder, device, dtype)
        delay = torch.full((1,), self._processor.num_delay_tokens, device=device, dtype=dtype)
        with torch.inference_mode():
            self._delay = self._model.model.time_embedding(delay)[None]

    def prompt(self, utterance: Utterance, options: DecodeOptions) -> Hashable:
        """See `VoxtralClass`."""
        return None

    def prefill(self, utterances: Sequence[Utterance], language: str | None) -> Prefilled:
        """See `VoxtralClass`; the prompt has no place for a language."""
        requests = [
            self._processor(utterance.waveform, sampling_rate=SAMPLE_RATE, return_tensors="pt")
            for utterance in utterances
        ]
        mels = [request["input_features"][0].T for request in requests]  # [frames, bins]
        features = pad_sequence(mels, batch_first=True).transpose(1, 2)
        audio = self._model.get_audio_features(
            input_features=features.to(self._device, dtype=self._model.dtype),
            use_cache=False,
            return_dict=True,
        ).pooler_output
        ids = torch.cat([request["input_ids"] for request in requests]).to(self._device)
        memory = Memory(None, audio)
        scores = self._read(memory, ids, start=0)
        per_token = self._processor.audio_length_per_tok
        limits = [len(mel) // per_token - ids.shape[1] for mel in mels]
        return Prefilled(memory, scores, limits)

    def advance(self, memory: Memory, newest: Sequence[int]) -> torch.Tensor:
        """See `VoxtralClass`."""
        ids = torch.tensor(newest, device=self._device)[:, None]
        return self._read(memory, ids, start=memory.cache.get_seq_length())

    def _read(self, memory: Memory, ids: torch.Tensor, *, start: int) -> torch.Tensor:
        """Read tokens [rows, n] with the audio that is theirs; scores behind the last."""
        assert memory.audio is not None
        words = self._model.get_input_embeddings()(ids)
        output = self._model.model.language_model(
            inputs_embeds=words + memory.audio[:, start : start + ids.shape[1]],
            past_key_values=memory.cache,
            use_cache=True,
            t_cond=self._delay,
        )
        memory.cache = output.past_key_values
        return self._model.lm_head(output.last_hidden_state[:, -1])


CLASSES: dict[str, type[OfflineVoxtral] | type[RealtimeVoxtral]] = {
    "voxtral": OfflineVoxtral,
    "voxtral_realtime": RealtimeVoxtral,
}
"""By the `model_type` of a checkpoint's configuration."""


def load(folder: Path, device: torch.device) -> VoxtralClass:
    """Load the checkpoint in `folder`: onto a GPU in bfloat16, into memory in float32.

    Raises:
        EngineFailed: it is no checkpoint of either class.
    """
    kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    if kind not in CLASSES:
        known = " and ".join(CLASSES)
        raise EngineFailed(f"the engine transformers runs {known} checkpoints, not {kind}")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    return CLASSES[kind](folder, device, dtype)
