"""Tekken tokens: the shipped vocabulary, counted as mistral-common counts."""

from pathlib import Path

import mistral_common
import pytest
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from auricle.server import tekken

TEXTS = [
    "Good morning. All is well.",
    "Übermäßig großes Glück, 35 °C – naïve façade!",
    "我能吞下玻璃而不伤身体。",
    "1234567890 3.14159 https://example.org/a?b=c",
    "  spaces\tand\nlines  \r\n\r\n",
    "emoji 👩‍🚀 and <s>[INST] are text",
    "a" * 3000,
]


@pytest.fixture(scope="module")
def official() -> Tekkenizer:
    return Tekkenizer.from_file(Path(mistral_common.__file__).parent / "data" / tekken.VOCABULARY)


@pytest.mark.parametrize("text", TEXTS)
async def test_counts_as_mistral_common_does(official: Tekkenizer, text: str) -> None:
    assert await tekken.count_tokens(text) == len(official.encode(text, bos=False, eos=False))


async def test_no_text_is_no_tokens() -> None:
    assert await tekken.count_tokens("") == 0
