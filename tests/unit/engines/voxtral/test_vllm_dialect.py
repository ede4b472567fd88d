"""Reading vLLM's stream, however it is cut into pieces and whatever is in it."""

import io
import json
import wave
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.engines.protocol import DecodeOptions, Utterance
from auricle.engines.voxtral.model import VoxtralModel
from auricle.engines.voxtral.text import LoopWatch, TidyText
from auricle.engines.voxtral.vllm_dialect import (
    MAX_LINE_BYTES,
    StreamReader,
    UpstreamTrouble,
    form_of,
    wav_of,
)

OFFLINE = VoxtralModel("m", ("en",))
REALTIME = VoxtralModel("m", ("en",), is_realtime=True)


def frame(text: str, reason: str | None = None) -> bytes:
    choice = {"delta": {"content": text}, "finish_reason": reason}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


WHOLE = frame(" dibi") + frame("") + frame(" tüma") + frame("", "stop") + b"data: [DONE]\n\n"


@given(st.lists(st.integers(0, len(WHOLE))))
def test_the_text_does_not_depend_on_how_the_bytes_come(cuts: list[int]) -> None:
    reader = StreamReader(100)
    edges = [0, *sorted(cuts), len(WHOLE)]
    pieces = [WHOLE[a:b] for a, b in pairwise(edges)]
    assert [text for piece in pieces for text in reader.feed(piece)] == [" dibi", " tüma"]
    assert reader.is_done
    reader.finish(may_be_cut=False)


@given(st.lists(st.binary(max_size=80) | st.just(b"data: ") | st.just(b"\n")))
def test_nonsense_is_trouble_and_nothing_else(pieces: list[bytes]) -> None:
    reader = StreamReader(10)
    with pytest.raises(UpstreamTrouble):
        for piece in pieces:
            reader.feed(piece)
        reader.finish(may_be_cut=True)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (frame(" a"), "its answer broke off"),
        (frame(" a") + b"data: [DONE]\n\n", "its answer broke off"),
        (frame(" a", "length") + b"data: [DONE]\n\n", "its text did not end within 10 tokens"),
        (frame(" a", "abort") + b"data: [DONE]\n\n", "its text was ended"),
        (b'data: {"error": {"message": "out of memory"}}\n\n', "it reports an error"),
        (b"data: [[[\n\n", "its answer is not JSON"),
        (b"data: [1]\n\n", "its answer is no object"),
        (b'data: {"choices": 1}\n\n', "its answer has another form than vLLM's"),
        (b"data: " + b"x" * MAX_LINE_BYTES, "a line of its answer is over 65536 bytes"),
        (frame("x" * 1000) * 100, "its answer is over the limit of 86016 bytes"),
    ],
)
def test_what_is_not_a_whole_answer_is_said(stream: bytes, reason: str) -> None:
    reader = StreamReader(10)
    with pytest.raises(UpstreamTrouble) as caught:
        for start in range(0, len(stream), 4096):
            reader.feed(stream[start : start + 4096])
        reader.finish(may_be_cut=False)
    assert caught.value.reason == reason


def test_there_is_always_a_limit_of_tokens() -> None:
    form = form_of(OFFLINE, DecodeOptions(language="de", temperature=0.2), 30.0)
    assert form["max_completion_tokens"] == "648"
    assert (form["language"], form["temperature"]) == ("de", "0.2")
    # 3.03 s and 5.875 s of audio are 48 and 84 tokens: what vLLM itself counts.
    assert [REALTIME.max_new_tokens(s) for s in (3.03, 5.875)] == [48, 84]
    assert "language" not in form_of(REALTIME, DecodeOptions(language="de"), 3.0)


def test_the_context_that_is_needed_is_known() -> None:
    assert OFFLINE.max_context(30.0) == 375 + 16 + 648
    assert OFFLINE.max_context(30.1) > OFFLINE.max_context(30.0) + 375
    assert REALTIME.max_context(3.03) == 39 + 48


def test_audio_goes_as_16_bit_wav() -> None:
    waveform = np.array([0.0, 0.5, -1.0, 1.5], np.float32)
    with wave.open(io.BytesIO(wav_of(Utterance(waveform)))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        samples = np.frombuffer(file.readframes(4), "<i2")
    assert samples.tolist() == [0, 16384, -32768, 32767]


@given(st.lists(st.text(alphabet=" \n\tab.", max_size=5)))
def test_tidy_text_is_the_whole_with_single_spaces(pieces: list[str]) -> None:
    tidy = TidyText()
    assert "".join(map(tidy.add, pieces)) == " ".join("".join(pieces).split())


def test_a_loop_is_noticed_and_speech_is_not() -> None:
    assert any(map(LoopWatch().is_looping, [" thank you"] * 12))
    speech = (
        "a",
        " rose",
        " is",
        " a rose",
        " is",
        " a",
        " rose.",
        " No",
        " no",
        " no",
        "!",
        " One",
    )
    assert not any(map(LoopWatch().is_looping, speech))
