"""Context bias: phrases to expect are made likelier while they are being said.

A trie over the tokens of the phrases, each in several casings, with and without the space before
it. Every token of a phrase adds to the score of the text that takes it; a text that leaves the
phrase before its end gives all of it back (Zhao et al. 2019, "Shallow-Fusion End-to-End Contextual
Biasing"; k2-fsa `context_graph.py`). A phrase begins and ends only where a word does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.decoding.rules import LogitRow
from auricle.engines.whisper.policy import BiasStrength
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.transcript.joining import is_unspaced

MAX_TRIES = 32
"""Tries that a worker keeps."""


@dataclass(slots=True)
class _Node:
    """A phrase so far. `bonus` is what its tokens have added, `kept` what is never given back."""

    bonus: float = 0.0
    kept: float = 0.0
    is_end: bool = False
    ends_anywhere: bool = False
    children: dict[int, "_Node"] = field(default_factory=dict)

    @property
    def at_stake(self) -> float:
        """What is given back when the phrase is left here, before its end."""
        return self.bonus - self.kept


class WordEdges:
    """Which tokens of a vocabulary stand at the edge of a word."""

    def __init__(self, tokenizer: WhisperTokenizer, n_vocab: int) -> None:
        texts = [tokenizer.decode([token]) for token in range(tokenizer.eot)]
        special = np.ones(n_vocab - tokenizer.eot, bool)
        begins = [not text[:1].isalnum() for text in texts]
        ends = [not text[-1:].isalnum() for text in texts]
        self.begins: NDArray[np.bool_] = np.concatenate([begins, special])
        """Tokens that do not go on with the word before them."""
        self.ends: NDArray[np.bool_] = np.concatenate([ends, special])
        """Tokens behind which a word may begin without a space."""


class ContextBias:
    """The phrases of a request, as a trie. Searches share it; it does not change."""

    def __init__(
        self,
        phrases: Iterable[str],
        tokenizer: WhisperTokenizer,
        edges: WordEdges,
        strength: BiasStrength = BiasStrength(),  # noqa: B008 (it is frozen)
    ) -> None:
        self._edges = edges
        self._strength = strength
        self._anywhere, self._at_edges = _Node(), _Node()
        self._longest = 0
        for phrase in phrases:
            for form in _forms(phrase):
                begins_anywhere = form[0] == " " or is_unspaced(form[0])
                root = self._anywhere if begins_anywhere else self._at_edges
                self._add(root, tokenizer.encode(form), ends_anywhere=is_unspaced(form[-1]))
        for root in (self._anywhere, self._at_edges):
            self._settle(root)

    def favour(self, scores: LogitRow, tokens: Sequence[int]) -> LogitRow:
        """The scores of all tokens with what each would add to the text, or give back.

        Args:
            scores: logits or log-probabilities, shape (n_vocab,); they are not changed.
            tokens: the text so far, timestamps included.
        """
        *paths, main = self._paths(tokens)
        favoured = scores - np.float32(main.at_stake)
        if main.is_end:
            stays = slice(None) if main.ends_anywhere else self._edges.begins
            favoured[stays] = scores[stays]
        added: dict[int, float] = {}
        for root in self._roots(tokens):
            added |= {token: child.bonus for token, child in root.children.items()}
        for path in paths:
            added |= {token: child.at_stake for token, child in path.children.items()}
        _add_to(favoured, added)
        for token, child in main.children.items():
            favoured[token] = scores[token] + np.float32(child.bonus - main.bonus)
        return favoured

    def at_stake(self, tokens: Sequence[int]) -> float:
        """What the text would give back if it left the phrases that it is in."""
        return self._paths(tokens)[-1].at_stake

    def _add(self, root: _Node, tokens: Sequence[int], *, ends_anywhere: bool) -> None:
        node = root
        for token in tokens:
            more = self._strength.first if node is root else self._strength.following
            node = node.children.setdefault(token, _Node(node.bonus + more))
        node.is_end = True
        node.ends_anywhere = ends_anywhere
        self._longest = max(self._longest, len(tokens))

    def _settle(self, node: _Node) -> None:
        """Behind a whole phrase that a longer one goes on from, its bonus is safe."""
        for token, child in node.children.items():
            is_whole = node.is_end and (node.ends_anywhere or self._edges.begins[token])
            child.kept = node.bonus if is_whole else node.kept
            self._settle(child)

    def _roots(self, tokens: Sequence[int]) -> list[_Node]:
        is_at_edge = not tokens or bool(self._edges.ends[tokens[-1]])
        return [self._anywhere, self._at_edges] if is_at_edge else [self._anywhere]

    def _paths(self, tokens: Sequence[int]) -> list[_Node]:
        """Where the text stands in the trie, for each phrase that it may be in: one at least.

        The last has most at stake.
        """
        nodes = [_Node()]
        for start in range(max(0, len(tokens) - self._longest), len(tokens)):
            for root in self._roots(tokens[:start]):
                node = _follow(root, tokens[start:])
                if node is not None:
                    nodes.append(node)
        return sorted(nodes, key=lambda node: node.at_stake)


class Biases:
    """Tries that were built, by phrases: the utterances of a recording all ask for the same."""

    def __init__(self, tokenizer: WhisperTokenizer, n_vocab: int, strength: BiasStrength) -> None:
        self._edges = cache(lambda: WordEdges(tokenizer, n_vocab))
        self._of = lru_cache(MAX_TRIES)(
            lambda phrases: ContextBias(phrases, tokenizer, self._edges(), strength)
        )

    def of(self, phrases: tuple[str, ...]) -> ContextBias | None:
        """The bias towards these phrases; None without any."""
        return self._of(phrases) if phrases else None


def _follow(node: _Node | None, tokens: Sequence[int]) -> _Node | None:
    for token in tokens:
        node = node.children.get(token) if node else None
    return node


def _forms(phrase: str) -> list[str]:
    """How a phrase may be written: its casings, each behind a space and without one."""
    casings = (phrase, phrase.lower(), phrase.title(), phrase.capitalize(), phrase.upper())
    spaces = ("",) if is_unspaced(phrase[0]) else (" ", "")
    return list(dict.fromkeys(space + casing for casing in casings for space in spaces))


def _add_to(scores: LogitRow, added: dict[int, float]) -> None:
    tokens = np.fromiter(added.keys(), np.int64, len(added))
    scores[tokens] += np.fromiter(added.values(), np.float32, len(added))
