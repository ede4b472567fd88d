"""`context_bias` of every SDK: phrases to expect are heard, and spelt as they were given."""

import os
from typing import Any

import pytest

from auricle.scoring.text import normalize_basic
from auricle.scoring.wer import count_errors
from contract.sdk import Sdk, upload
from harness.speech import GERMAN, JFK

MODEL = "voxtral-mini-latest"
pytestmark = pytest.mark.skipif(
    os.environ.get("AURICLE_ENGINE") == "ctranslate2", reason="that engine knows no bias"
)


def test_one_of_two_names_that_sound_alike(sdk: Sdk) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "file": upload(GERMAN.path),
        "context_bias": ["Weissenburg", "Gunzenhausen", "Nürnberg"],
        "timestamp_granularities": ["word"],
    }
    answer = sdk.complete(**asked)
    text = answer["text"]
    assert text.count("Weissenburg") == 2, text
    assert "Nürnberg" not in text
    spoken = GERMAN.words.replace("weißenburg", "weissenburg").split()
    assert count_errors(spoken, normalize_basic(text).split()).errors <= 1, text
    assert " ".join(word["text"] for word in answer["segments"]) == text
    done = list(sdk.stream(**asked))[-1]["data"]
    assert (done["text"], done["segments"]) == (text, answer["segments"])


def test_spelt_as_it_was_given(sdk: Sdk) -> None:
    phrases = ["FELLOW_AmericanS", "your  country"]
    answer = sdk.complete(model=MODEL, file=upload(JFK.path), context_bias=phrases)
    assert "FELLOW AmericanS" in answer["text"]
    assert normalize_basic(answer["text"]) == JFK.words
