"""What prompts are refused."""

from collections.abc import AsyncGenerator

import pytest

from auricle.engines.protocol import DecodeEvent, DecodeOptions, Failed, Ticket, Utterance
from auricle.errors import InvalidRequest, NotSupported
from auricle.pipeline.options import MAX_PROMPT_CHARACTERS
from auricle.pipeline.transcribe import Transcriber
from auricle.runtime import _check_prompt
from auricle.served_models import ServedModel
from auricle.weights.table import ModelTable


async def nobody(
    utterance: Utterance, options: DecodeOptions, ticket: Ticket
) -> AsyncGenerator[DecodeEvent, None]:
    yield Failed("nobody listens")


def model(row_id: str, *, previous_text: bool) -> ServedModel:
    return ServedModel(
        ModelTable.load().configured(row_id),
        Transcriber(nobody, max_in_flight=1),
        frozenset({"en"}),
        word_times=True,
        context_bias=False,
        previous_text=previous_text,
        is_ready=lambda: True,
    )


def test_a_model_that_takes_none_is_named() -> None:
    with pytest.raises(NotSupported, match="prompt: model voxtral-mini-3b-2507 takes none"):
        _check_prompt("Zoë", model("voxtral-mini-3b-2507", previous_text=False))


def test_a_prompt_may_have_its_bound_and_no_more() -> None:
    whisper = model("whisper-base", previous_text=True)
    _check_prompt("x" * MAX_PROMPT_CHARACTERS, whisper)
    with pytest.raises(
        InvalidRequest, match="prompt has 1001 characters, more than 1000"
    ) as caught:
        _check_prompt("x" * (MAX_PROMPT_CHARACTERS + 1), whisper)
    assert caught.value.param == "prompt"


@pytest.mark.parametrize("prompt", ["Zo\udcff", "\ud800"])
def test_half_a_character_is_no_text(prompt: str) -> None:
    with pytest.raises(InvalidRequest, match="no UTF-8 text"):
        _check_prompt(prompt, model("whisper-base", previous_text=True))
