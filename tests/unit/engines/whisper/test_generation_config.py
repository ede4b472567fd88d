import json
from pathlib import Path

import pytest

from auricle.engines.whisper.generation_config import GenerationConfig
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.errors import WeightsError
from whisper.tokenizers import MULTILINGUAL_TEXT, write_tokenizer


def read(folder: Path) -> GenerationConfig:
    return GenerationConfig.read(folder, WhisperTokenizer(folder / "tokenizer.json"))


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, multilingual=True)
    ours = read(tmp_path)
    spelled = {f"<|{code}|>": token for token, code in ours.languages.items()}
    hugging_face = {
        "suppress_tokens": list(ours.suppressed),
        "begin_suppress_tokens": list(ours.suppressed_at_begin),
        "alignment_heads": [list(pair) for pair in ours.alignment_heads],
        "lang_to_id": spelled,
    }
    (tmp_path / "generation_config.json").write_text(json.dumps(hugging_face))
    assert read(tmp_path) == ours
    assert ours.languages[MULTILINGUAL_TEXT + 2] == "en"


def test_english_only_checkpoint_has_no_languages(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, multilingual=False)
    assert not read(tmp_path).languages


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"suppress_ids": 3}'])
def test_unreadable_config_is_said_so(content: str, tmp_path: Path) -> None:
    write_tokenizer(tmp_path, multilingual=True)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=r"config\.json"):
        read(tmp_path)
