"""Word times from token times.

Cross-attention of the alignment heads, warped by DTW, says when each token was heard (Radford
et al. 2022; openai/whisper `timing.py`). Here tokens become words: split at spaces, or at
characters in languages without them, with punctuation joined to the word it belongs to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.tokenizer import UNSPACED_LANGUAGES, WhisperTokenizer
from auricle.transcript.model import Word

_OPENING = frozenset("\"'“¿([{-«„‚「『（《")
_CLOSING = frozenset("\"'.。,，!！?？:：”)]}、…;；»」』）》%")


@dataclass(slots=True)
class _Piece:
    """A run of tokens on its way to being a word: [first, last) in the token list."""

    text: str
    first: int
    last: int

    @property
    def bare(self) -> str:
        return self.text.strip()


def _pieces(tokens: Sequence[int], tokenizer: WhisperTokenizer, *, unspaced: bool) -> list[_Piece]:
    pieces: list[_Piece] = []
    position = 0
    for text, length in tokenizer.pieces(tokens):
        starts_word = unspaced or text.startswith(" ") or not pieces
        if starts_word:
            pieces.append(_Piece(text, position, position + length))
        else:
            pieces[-1].text += text
            pieces[-1].last = position + length
        position += length
    return pieces


def _join_punctuation(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Closing marks join the word before them, opening ones the word behind."""
    words: list[_Piece] = []
    for piece in pieces:
        if not words:
            words.append(piece)
            continue
        before = words[-1]
        is_closing = set(piece.bare) <= _CLOSING
        follows_opening = set(before.bare) <= _OPENING
        if not piece.text.startswith(" ") and (is_closing or follows_opening):
            before.text += piece.text
            before.last = piece.last
        elif not piece.bare:
            before.last = piece.last
        else:
            words.append(piece)
    return [word for word in words if word.bare]


def words_of(
    tokens: Sequence[int],
    edges_s: NDArray[np.float64],
    probabilities: Sequence[float],
    tokenizer: WhisperTokenizer,
    language: str,
) -> tuple[Word, ...]:
    """Words of one segment.

    Args:
        tokens: the segment's text tokens, n of them.
        edges_s: when each token starts and, last, when the final one ends; shape (n + 1,).
        probabilities: of each token, 0..1.
        tokenizer: whose vocabulary the tokens are of.
        language: decides whether words are separated by spaces.

    Returns:
        The words; joined by their spaces they are the segment's text.
    """
    assert len(edges_s) == len(tokens) + 1
    unspaced = language in UNSPACED_LANGUAGES
    words: list[Word] = []
    for piece in _join_punctuation(_pieces(tokens, tokenizer, unspaced=unspaced)):
        start_s = float(edges_s[piece.first])
        words.append(
            Word(
                text=piece.bare,
                start=start_s,
                end=max(start_s, float(edges_s[piece.last])),
                score=_geometric_mean(probabilities[piece.first : piece.last]),
                glued=bool(words) and not piece.text.startswith(" "),
                n_tokens=piece.last - piece.first,
            )
        )
    return tuple(words)


def _geometric_mean(probabilities: Sequence[float]) -> float:
    """The exponential of the mean log-probability."""
    return float(np.exp(np.log(np.maximum(probabilities, 1e-12)).mean()))
