"""Greedy and beam search over a toy model whose likeliest text is known."""

import math
from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.engines.whisper.decoding.beam import BeamSearch, Biased
from auricle.engines.whisper.decoding.greedy import GreedySearch
from auricle.engines.whisper.decoding.rules import SuppressTokens
from auricle.engines.whisper.decoding.search import Decoded, Search, SearchLimits
from auricle.engines.whisper.policy import Beam, Unsure

N_VOCAB = 12
EOT = N_VOCAB - 1
LIMITS = SearchLimits(eot=EOT, max_tokens=30)


class ToyRows:
    """Rows that remember what they were fed; logits depend on that alone."""

    def __init__(self, seed: int = 0, *, spread: float = 2.0) -> None:
        self._seed, self._spread = seed, spread
        self._numbers = count()
        self.fed: dict[int, tuple[int, ...]] = {}

    def join(self) -> int:
        row = next(self._numbers)
        self.fed[row] = ()
        return row

    def fork(self, row: int) -> int:
        copy = self.join()
        self.fed[copy] = self.fed[row]
        return copy

    def leave(self, row: int) -> None:
        del self.fed[row]

    def logits_after(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        random = np.random.default_rng([self._seed, *tokens])
        logits = random.normal(size=N_VOCAB).astype(np.float32) * self._spread
        logits[EOT] += 0.3 * len(tokens)
        return logits

    def step(self, feed: dict[int, list[int]]) -> dict[int, NDArray[np.float32]]:
        for row, tokens in feed.items():
            self.fed[row] += tuple(tokens)
        return {row: self.logits_after(self.fed[row]) for row in feed}


def run(rows: ToyRows, search: Search, first: int) -> Decoded:
    logits = {first: rows.logits_after(())}
    while (decoded := search.advance(logits)) is None:
        logits = rows.step(search.feed())
    search.close()
    assert not rows.fed, "rows are left behind"
    return decoded


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = logits.astype(np.float64)
    result: NDArray[np.float64] = wide - wide.max() - np.log(np.exp(wide - wide.max()).sum())
    return result


def naive_beam(rows: ToyRows, width: int, margin: float = np.inf) -> tuple[int, ...]:
    """The textbook, over whole texts; what is `margin` behind the best of a step is dropped."""
    beams: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    finished: list[tuple[tuple[int, ...], float]] = []
    while len(finished) < width and beams:
        grown = [
            ((*tokens, token), total + float(logprob))
            for tokens, total in beams
            for token, logprob in enumerate(log_softmax(rows.logits_after(tokens)))
        ]
        grown.sort(key=lambda item: -item[1])
        best = max([grown[0][1], *(total for _, total in finished)])
        beams = []
        for tokens, total in grown:
            if len(beams) == width or total < best - margin:
                break
            if tokens[-1] == EOT:
                if len(finished) < width:
                    finished.append((tokens, total))
            else:
                beams.append((tokens, total))
    return max(finished, key=lambda item: item[1] / len(item[0]))[0][:-1]


def test_greedy_takes_the_likeliest_token_each_time() -> None:
    rows = ToyRows()
    row = rows.join()
    decoded = run(rows, GreedySearch(rows, row, [], LIMITS), row)
    expected: list[int] = []
    while (token := int(rows.logits_after(expected).argmax())) != EOT:
        expected.append(token)
    assert decoded.tokens == tuple(expected)
    logprobs = [
        log_softmax(rows.logits_after(expected[:i]))[token]
        for i, token in enumerate([*expected, EOT])
    ]
    assert decoded.mean_logprob == pytest.approx(np.mean(logprobs), abs=1e-5)
    assert decoded.logprobs == pytest.approx(logprobs[:-1], abs=1e-5)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_beam_search_finds_what_the_textbook_finds(seed: int, width: int) -> None:
    rows = ToyRows(seed)
    row = rows.join()
    decoded = run(rows, BeamSearch(rows, row, [], LIMITS, beam=Beam(width, np.inf)), row)
    assert decoded.tokens == naive_beam(rows, width)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("margin", [0.5, 2.0, 4.0])
def test_texts_far_behind_the_best_are_given_up(seed: int, margin: float) -> None:
    rows = ToyRows(seed)
    row = rows.join()
    decoded = run(rows, BeamSearch(rows, row, [], LIMITS, beam=Beam(5, margin)), row)
    assert decoded.tokens == naive_beam(rows, 5, margin)


def test_others_are_followed_beside_a_doubtful_text() -> None:
    def followed(seed: int, unsure: Unsure | None) -> tuple[Decoded, int]:
        """What is found, and the most texts at once behind the first token."""
        rows = ToyRows(seed)
        row = rows.join()
        search = BeamSearch(rows, row, [], LIMITS, beam=Beam(5, 0.1, unsure))
        logits, most = {row: rows.logits_after(())}, 0
        while (decoded := search.advance(logits)) is None:
            most = max(most, len(search.feed()))
            logits = rows.step(search.feed())
        search.close()
        return decoded, most

    never, always = Unsure(-math.inf, 9.0, n_tokens=0), Unsure(0.0, 9.0, n_tokens=0)
    plain = [followed(seed, None) for seed in range(12)]
    assert [followed(seed, never) for seed in range(12)] == plain
    assert max(most for _, most in plain) < 5
    assert max(followed(seed, always)[1] for seed in range(12)) == 5


def test_sure_model_keeps_one_row() -> None:
    rows = ToyRows(0, spread=60.0)
    row = rows.join()
    search = BeamSearch(rows, row, [], LIMITS, beam=Beam(5, 3.0))
    logits = {row: rows.logits_after(())}
    while search.advance(logits) is None:
        assert len(search.feed()) == 1
        logits = rows.step(search.feed())
    search.close()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("margin", [2.0, np.inf])
def test_settled_tokens_of_a_beam_search_stay(seed: int, margin: float) -> None:
    rows = ToyRows(seed)
    row = rows.join()
    search = BeamSearch(rows, row, [], LIMITS, beam=Beam(4, margin))
    logits = {row: rows.logits_after(())}
    settled: list[tuple[int, ...]] = [()]
    while (decoded := search.advance(logits)) is None:
        settled.append(tuple(search.tokens))
        assert len(search.logprobs) >= len(settled[-1])
        logits = rows.step(search.feed())
    search.close()
    for before, after in zip(settled, [*settled[1:], decoded.tokens], strict=True):
        assert after[: len(before)] == before


class TimedRows(ToyRows):
    """Tokens beyond the end are times; which one was given changes nothing of what follows."""

    def logits_after(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        logits = np.full(N_VOCAB, -20.0, np.float32)
        if len(tokens) % 2 == 0:
            logits[9:] = [2.0, 1.9, 1.8]  # three times, all likely
        else:
            logits[len(tokens) % 7] = 5.0
            logits[1 + len(tokens) % 7] = 4.0
        return logits


def test_texts_that_differ_only_in_their_times_are_followed_once() -> None:
    rows = TimedRows()
    row = rows.join()
    limits = SearchLimits(eot=8, max_tokens=9)
    search = BeamSearch(rows, row, [], limits, beam=Beam(4, np.inf))
    logits = {row: rows.logits_after(())}
    while search.advance(logits) is None:
        feed = search.feed()
        logits = rows.step(feed)
        spoken = [tuple(min(token, 9) for token in rows.fed[row]) for row in feed]
        assert len(set(spoken)) == len(spoken)
    search.close()


def test_beam_of_one_is_greedy() -> None:
    rows = ToyRows(3)
    row = rows.join()
    beam = run(rows, BeamSearch(rows, row, [], LIMITS, beam=Beam(1, np.inf)), row)
    row = rows.join()
    assert beam.tokens == run(rows, GreedySearch(rows, row, [], LIMITS), row).tokens


def test_beams_are_fed_what_they_say() -> None:
    rows = ToyRows(1)
    row = rows.join()
    search = BeamSearch(rows, row, [], LIMITS, beam=Beam(4, np.inf))
    logits = {row: rows.logits_after(())}
    while search.advance(logits) is None:
        feed = search.feed()
        logits = rows.step(feed)
        assert {rows.fed[row] for row in feed} == {
            (*rows.fed[row][:-1], *tokens) for row, tokens in feed.items()
        }
        assert len({rows.fed[row] for row in feed}) == len(feed)
    search.close()


@pytest.mark.parametrize("width", [1, 3])
def test_search_stops_at_its_limit_of_tokens(width: int) -> None:
    rows = ToyRows(spread=0.1)
    row = rows.join()
    rule = SuppressTokens([EOT])
    limits = SearchLimits(EOT, 6)
    search: Search = (
        BeamSearch(rows, row, [rule], limits, beam=Beam(width, np.inf))
        if width > 1
        else GreedySearch(rows, row, [rule], limits)
    )
    decoded = run(rows, search, row)
    assert decoded.is_cut
    assert len(decoded.tokens) == 6


class LoopingRows(ToyRows):
    def logits_after(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        logits = np.zeros(N_VOCAB, np.float32)
        logits[len(tokens) % 3] = 9
        return logits


@pytest.mark.parametrize("width", [1, 3])
def test_search_stops_as_soon_as_it_runs_in_a_loop(width: int) -> None:
    rows = LoopingRows()
    row = rows.join()
    search: Search = (
        BeamSearch(rows, row, [], LIMITS, beam=Beam(width, np.inf))
        if width > 1
        else GreedySearch(rows, row, [], LIMITS)
    )
    decoded = run(rows, search, row)
    assert decoded.is_loop
    assert len(decoded.tokens) < 16


def test_sampling_is_repeatable_and_follows_the_distribution() -> None:
    def first_tokens(temperature: float, seed: int) -> tuple[int, ...]:
        rows = ToyRows(7)
        row = rows.join()
        search = GreedySearch(rows, row, [], LIMITS, temperature=temperature, seed=seed)
        return run(rows, search, row).tokens

    assert first_tokens(1.0, 5) == first_tokens(1.0, 5)
    drawn = [first_tokens(1.0, seed)[:1] for seed in range(300)]
    expected = np.exp(log_softmax(ToyRows(7).logits_after(())))
    likeliest = int(expected.argmax())
    share = sum(tokens == (likeliest,) for tokens in drawn) / len(drawn)
    assert share == pytest.approx(expected[likeliest], abs=0.12)  # four standard errors


@pytest.mark.parametrize("width", [1, 4])
def test_search_that_was_begun_keeps_its_tokens(width: int) -> None:
    rows = ToyRows(2)
    row = rows.join()
    begun = Decoded((4, 5), (-0.5, -0.25), -0.4)
    logits = rows.step({row: [4, 5]})
    search: Search = (
        BeamSearch(rows, row, [], LIMITS, beam=Beam(width, np.inf), begun=begun)
        if width > 1
        else GreedySearch(rows, row, [], LIMITS, begun=begun)
    )
    while (decoded := search.advance(logits)) is None:
        logits = rows.step(search.feed())
    search.close()
    assert decoded.tokens[:2] == (4, 5)
    assert decoded.logprobs[:2] == (-0.5, -0.25)


class OneToken:
    """Lends every text something for a token, and takes it back with the next."""

    def __init__(self, token: int, lent: float, *, kept: bool) -> None:
        self._token, self._lent, self._kept = token, lent, kept

    def at_stake(self, tokens: Sequence[int]) -> float:
        return self._lent if tokens and tokens[-1] == self._token and not self._kept else 0.0

    def favour(self, scores: NDArray[np.float32], tokens: Sequence[int]) -> NDArray[np.float32]:
        favoured = scores - np.float32(self.at_stake(tokens))
        favoured[self._token] += self._lent
        return favoured


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("width", [1, 3])
def test_what_is_only_lent_changes_nothing(seed: int, width: int) -> None:
    def found(bias: Biased | None) -> Decoded:
        rows = ToyRows(seed)
        row = rows.join()
        return run(rows, BeamSearch(rows, row, [], LIMITS, beam=Beam(width, 2.0), bias=bias), row)

    lender = OneToken(5, 3.0, kept=False)
    assert found(Biased(lender, Beam(4, 3.0))) == found(None)


def test_what_is_kept_decides() -> None:
    def found(bias: Biased | None) -> tuple[int, ...]:
        rows = ToyRows(4)
        row = rows.join()
        beam = Beam(3, 2.0)
        return run(rows, BeamSearch(rows, row, [], LIMITS, beam=beam, bias=bias), row).tokens

    assert 7 not in found(None)
    assert 7 in found(Biased(OneToken(7, 8.0, kept=True), Beam(4, 3.0)))
