import pytest

from auricle.scoring.text import normalize_basic, scored_tokens


@pytest.mark.parametrize(
    ("written", "normalized"),
    [
        ("", ""),
        ("  Hello,   World!  ", "hello world"),
        ("Well [laughs] yes (she said) so", "well yes so"),
        ("it's", "it s"),
        ("\uff21\uff22 \uff11\uff12", "ab 12"),
        ("¿Qué pasó?", "qué pasó"),
        ("ÉTÉ", "été"),
    ],
)
def test_basic_normaliser_keeps_letters_and_digits_only(written: str, normalized: str) -> None:
    assert normalize_basic(written) == normalized


def test_basic_normaliser_agrees_with_whispers() -> None:
    basic = pytest.importorskip("whisper_normalizer.basic")
    whispers = basic.BasicTextNormalizer()
    for text in (
        "Straße & Œuvre — 3,5 €",
        "नमस्ते दुनिया",
        "Ώρα, δες!",
        "İstanbul'da (x) y",
        "a\tb\n",
    ):
        assert normalize_basic(text) == whispers(text).strip()


def test_languages_with_spaces_are_scored_by_words() -> None:
    assert scored_tokens("Good day, sir.", "en") == ["good", "day", "sir"]


@pytest.mark.parametrize(
    ("language", "text"), [("zh", "广州 市。"), ("ja", "キャ ンプ、"), ("ko", "안 녕!")]
)
def test_chinese_japanese_and_korean_are_scored_by_characters(language: str, text: str) -> None:
    assert scored_tokens(text, language) == [c for c in text if c.isalpha()]


def test_a_given_normaliser_replaces_the_basic_one_for_its_language_only() -> None:
    normalizers = {"en": lambda text: text.replace("colour", "color")}
    assert scored_tokens("colour!", "en", normalizers) == ["color!"]
    assert scored_tokens("colour!", "fr", normalizers) == ["colour"]
