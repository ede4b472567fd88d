import unicodedata
from functools import cache
from itertools import permutations

import jiwer
from hypothesis import given
from hypothesis import strategies as st

from auricle.scoring.assignment import assign
from auricle.scoring.bootstrap import paired_bootstrap
from auricle.scoring.cpwer import count_speaker_errors
from auricle.scoring.text import normalize_basic
from auricle.scoring.wer import ErrorCounts, align, count_errors, count_errors_by_block

words = st.lists(st.sampled_from("abcd"), max_size=12)
speakers = st.dictionaries(st.sampled_from("pqrs"), words, max_size=4)
matrices = st.integers(0, 5).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 9), min_size=n, max_size=n), min_size=n, max_size=n)
)


def naive_distance(reference: list[str], hypothesis: list[str]) -> int:
    """The definition, by recursion."""

    @cache
    def distance(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        replaced = distance(i - 1, j - 1) + (reference[i - 1] != hypothesis[j - 1])
        return min(replaced, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(reference), len(hypothesis))


@given(words)
def test_a_text_has_no_errors_against_itself(text: list[str]) -> None:
    assert count_errors(text, text) == ErrorCounts(len(text))


@given(words, words)
def test_errors_equal_the_naive_edit_distance(reference: list[str], hypothesis: list[str]) -> None:
    counts = count_errors(reference, hypothesis)
    assert counts.errors == naive_distance(reference, hypothesis)
    assert min(counts.substitutions, counts.deletions, counts.insertions) >= 0
    n_matches = counts.n_reference - counts.substitutions - counts.deletions
    assert n_matches + counts.substitutions + counts.insertions == len(hypothesis)


@given(words.filter(bool), words)
def test_rate_equals_jiwers(reference: list[str], hypothesis: list[str]) -> None:
    rate = jiwer.wer(" ".join(reference), " ".join(hypothesis))
    assert abs(count_errors(reference, hypothesis).rate - rate) < 1e-12


@given(words, words)
def test_alignment_is_in_order_complete_and_best(
    reference: list[str], hypothesis: list[str]
) -> None:
    pairs = align(reference, hypothesis)
    assert [i for i, _ in pairs if i is not None] == list(range(len(reference)))
    assert [j for _, j in pairs if j is not None] == list(range(len(hypothesis)))
    matched = [(i, j) for i, j in pairs if i is not None and j is not None]
    n_matches = sum(reference[i] == hypothesis[j] for i, j in matched)
    counts = count_errors(reference, hypothesis)
    assert len(pairs) - n_matches == counts.errors
    assert len(matched) - n_matches == counts.substitutions


@given(words, words, st.integers(1, 15))
def test_blocks_sum_to_the_whole(
    reference: list[str], hypothesis: list[str], block_length: int
) -> None:
    blocks = count_errors_by_block(reference, hypothesis, block_length=block_length)
    assert sum(blocks, ErrorCounts()) == count_errors(reference, hypothesis)


@given(matrices)
def test_assignment_is_the_cheapest_permutation(costs: list[list[int]]) -> None:
    def total(columns: tuple[int, ...] | list[int]) -> int:
        return sum(costs[row][column] for row, column in enumerate(columns))

    columns = assign(costs)
    assert sorted(columns) == list(range(len(costs)))
    assert total(columns) == min(total(p) for p in permutations(range(len(costs))))


@given(speakers, speakers)
def test_cpwer_is_the_least_over_all_matches_of_speakers(
    reference: dict[str, list[str]], hypothesis: dict[str, list[str]]
) -> None:
    size = max(len(reference), len(hypothesis))
    rows = [*reference.values()] + [[]] * (size - len(reference))
    columns = [*hypothesis.values()] + [[]] * (size - len(hypothesis))
    least = min(
        sum(naive_distance(row, column) for row, column in zip(rows, order, strict=True))
        for order in permutations(columns)
    )
    scored = count_speaker_errors(reference, hypothesis)
    assert scored.counts.errors == least
    assert scored.counts.n_reference == sum(map(len, reference.values()))
    assert set(scored.speakers.values()) <= set(reference)


@given(speakers, st.permutations("pqrs"))
def test_renaming_speakers_changes_no_cpwer(said: dict[str, list[str]], names: list[str]) -> None:
    renamed = {names["pqrs".index(name)]: tokens for name, tokens in said.items()}
    assert count_speaker_errors(said, renamed).counts.errors == 0


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=20))
def test_swapping_the_systems_mirrors_the_difference(items: list[tuple[int, int]]) -> None:
    first = [ErrorCounts(n, substitutions=errors) for n, errors in items]
    second = [ErrorCounts(n) for n, _ in items]
    forward = paired_bootstrap(first, second, n_resamples=200)
    backward = paired_bootstrap(second, first, n_resamples=200)
    assert forward.low <= forward.high
    assert abs(forward.difference + backward.difference) < 1e-12
    assert abs(forward.low + backward.high) < 1e-12


@given(st.text())
def test_normalising_leaves_letters_digits_and_single_spaces(text: str) -> None:
    normalized = normalize_basic(text)
    assert normalized == " ".join(normalized.split())
    assert not any(unicodedata.category(character)[0] in "MSP" for character in normalized)
