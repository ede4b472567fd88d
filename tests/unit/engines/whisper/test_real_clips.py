"""The engine on real weights and real speech: what it says must be right.

Needs the large speech set (AURICLE_TEST_AUDIO); skipped by name without it.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import (
    MISSED_SPEECH_S,
    DecodeOptions,
    Delta,
    Engine,
    Final,
    Hypothesis,
    Stretch,
    Utterance,
)
from auricle.engines.whisper.ctranslate2_engine import CTranslate2Whisper
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.openvino_engine import OpenVinoWhisper
from auricle.engines.whisper.policy import DecodePolicy
from auricle.scoring.text import normalize_basic
from auricle.scoring.wer import count_errors
from auricle.transcript.joining import join_texts

_BESIDE = Path(__file__).resolve().parents[5] / "shared" / "speech"
SPEECH = Path(os.environ.get("AURICLE_TEST_AUDIO") or _BESIDE)

pytestmark = pytest.mark.skipif(
    not (SPEECH / "manifest.jsonl").is_file(), reason="AURICLE_TEST_AUDIO is not set"
)

POLICY = DecodePolicy(beam_size=1)
N_CLIPS = 8
CUT_S = 29.5
PRINTED = (
    "metal letters in the middle of the 15th century may justly be considered as the invention "
    "of the art of printing. And it is worth mention in passing that, as an example of fine "
    "typography, the earliest book printed with movable types, the Gutenberg, or 42 line Bible "
    "of about 1455, has never been surpassed. Printing, then, for our purpose, may be considered "
    "as the art of making books by means of"
)
"""What is read between `CUT_S` and twice of that in LJ001."""


def waveform_of(path: Path, first_s: float = 0.0) -> NDArray[np.float32]:
    resampler = av.AudioResampler("flt", "mono", 16_000)
    with av.open(str(path)) as container:
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    joined: NDArray[np.float32] = np.concatenate([f.to_ndarray()[0] for f in frames])
    return joined[round(first_s * SAMPLE_RATE) :][: 30 * SAMPLE_RATE]


@pytest.fixture(scope="module")
def clips() -> list[tuple[NDArray[np.float32], str]]:
    """English read sentences and one clip of each of a few other languages."""
    rows = [json.loads(line) for line in (SPEECH / "manifest.jsonl").read_text().splitlines()]
    read = [r for r in rows if r["kind"] == "read" and r["reference"] and r["duration_s"] > 4]
    english = [r for r in read if r["language"] == "en"][: N_CLIPS - 3]
    others = [next(r for r in read if r["language"] == code) for code in ("de", "es", "ja")]
    return [(waveform_of(SPEECH / r["path"]), r["reference"]) for r in [*english, *others]]


@pytest.fixture(scope="module")
def engine(whisper_base: Path) -> Iterator[OpenVinoWhisper]:
    engine = OpenVinoWhisper(whisper_base, POLICY, GraphOptions.fastest())
    yield engine
    engine.close()


def decode_all(
    engine: Engine,
    waveforms: list[NDArray[np.float32]],
    options: DecodeOptions,
    speech: tuple[Stretch, ...] = (),
) -> list[Hypothesis]:
    for key, waveform in enumerate(waveforms):
        engine.join(key, Utterance(waveform, speech), options)
    done: dict[int, Hypothesis] = {}
    sent = dict.fromkeys(range(len(waveforms)), "")
    while len(done) < len(waveforms):
        for key, event in engine.step():
            if isinstance(event, Delta):
                sent[key] += event.text
            elif isinstance(event, Final):
                done[key] = event.hypothesis
                assert text_of(event.hypothesis).startswith(sent[key])
    return [done[key] for key in sorted(done)]


def text_of(hypothesis: Hypothesis) -> str:
    return join_texts(part.text for part in hypothesis.segments)


def test_real_clips_together_are_the_clips_alone(
    engine: OpenVinoWhisper, clips: list[tuple[NDArray[np.float32], str]]
) -> None:
    waveforms = [waveform for waveform, _ in clips]
    together = decode_all(engine, waveforms, DecodeOptions())
    alone = [decode_all(engine, [waveform], DecodeOptions())[0] for waveform in waveforms]
    assert [text_of(h) for h in together] == [text_of(h) for h in alone]
    assert [h.language for h in together] == ["en"] * (N_CLIPS - 3) + ["de", "es", "ja"]


def test_english_clips_are_understood(
    engine: OpenVinoWhisper, clips: list[tuple[NDArray[np.float32], str]]
) -> None:
    english = clips[: N_CLIPS - 3]
    heard = decode_all(engine, [waveform for waveform, _ in english], DecodeOptions(language="en"))
    reference = normalize_basic(" ".join(text for _, text in english)).split()
    hypothesis = normalize_basic(" ".join(map(text_of, heard))).split()
    assert count_errors(reference, hypothesis).rate < 0.2


def test_words_lie_where_ctranslate2_hears_them(
    engine: OpenVinoWhisper, clips: list[tuple[NDArray[np.float32], str]], whisper_base: Path
) -> None:
    other = CTranslate2Whisper(whisper_base, POLICY)
    options = DecodeOptions(language="en", words=True)
    waveforms = [waveform for waveform, _ in clips[:3]]
    apart = []
    for ours, theirs in zip(
        decode_all(engine, waveforms, options), decode_all(other, waveforms, options), strict=True
    ):
        words = [
            {w.text.lower().strip(".,"): w.start for s in h.segments for w in s.words}
            for h in (ours, theirs)
        ]
        apart += [abs(words[0][w] - words[1][w]) for w in words[0].keys() & words[1].keys()]
    assert len(apart) > 20
    assert np.median(apart) <= 0.06  # three positions of the encoder
    other.close()


@pytest.fixture(scope="module")
def printing() -> NDArray[np.float32]:
    """Half a minute of one reader (LJ001), cut from a longer recording."""
    rows = [json.loads(line) for line in (SPEECH / "manifest.jsonl").read_text().splitlines()]
    path = next(r["path"] for r in rows if r["id"] == "longform-ljspeech-LJ001")
    return waveform_of(SPEECH / path, first_s=CUT_S)[: round(CUT_S * SAMPLE_RATE)]


def test_a_window_is_heard_to_its_last_speech(
    engine: OpenVinoWhisper, printing: NDArray[np.float32]
) -> None:
    options = DecodeOptions(language="en")
    (left,) = decode_all(engine, [printing], options)
    assert left.end_s < CUT_S - MISSED_SPEECH_S, "it leaves a sentence to the next window"
    (whole,) = decode_all(engine, [printing], options, speech=((0.0, CUT_S),))
    assert whole.end_s >= CUT_S - MISSED_SPEECH_S
    assert text_of(whole).startswith(text_of(left).rstrip(".,"))


@pytest.mark.parametrize("beam_size", [1, 4])
@pytest.mark.parametrize("kind", ["openvino", "ctranslate2"])
def test_what_a_text_has_no_room_for_is_left_for_later(
    whisper_base: Path, printing: NDArray[np.float32], kind: str, beam_size: int
) -> None:
    policy = DecodePolicy(beam_size=beam_size, max_tokens=40)
    engine: Engine = (
        CTranslate2Whisper(whisper_base, policy)
        if kind == "ctranslate2"
        else OpenVinoWhisper(whisper_base, policy, GraphOptions.fastest())
    )
    parts, first = [], 0
    while len(printing) - first > SAMPLE_RATE * MISSED_SPEECH_S:
        heard = decode_all(engine, [printing[first:]], DecodeOptions(language="en"))[0]
        assert heard.n_tokens <= 40
        parts.append(text_of(heard))
        first += round(heard.end_s * SAMPLE_RATE)
    engine.close()
    assert len(parts) > 1
    words = normalize_basic(" ".join(parts)).split()
    assert count_errors(normalize_basic(PRINTED).split(), words).rate < 0.2
