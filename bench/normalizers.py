"""Normalisers that need packages: Whisper's for English, simplified characters for Chinese."""

from auricle.scoring.text import Normalizer, normalize_basic


def load_normalizers() -> dict[str, Normalizer]:
    """By language, for `scored_tokens`; every other language uses the basic one."""
    from opencc import OpenCC
    from whisper_normalizer.english import EnglishTextNormalizer

    simplify = OpenCC("t2s").convert
    return {"en": EnglishTextNormalizer(), "zh": lambda text: normalize_basic(simplify(text))}
