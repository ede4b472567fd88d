import numpy as np
import pytest

from auricle.diarization.clustering import agglomerate, find_speakers, prune, unit
from unit.diarization.synthetic import projection, samples_of, voices


def naive(vectors: np.ndarray, weights: np.ndarray, max_distance: float) -> list[set[int]]:
    """Average linkage as it is defined: look at all pairs of clusters, each time."""
    distances = 1 - vectors @ vectors.T
    clusters = [{i} for i in range(len(vectors))]

    def between(one: set[int], other: set[int]) -> float:
        pairs = [(weights[i] * weights[j], distances[i, j]) for i in one for j in other]
        return float(sum(w * d for w, d in pairs) / sum(w for w, _ in pairs))

    while len(clusters) > 1:
        pairs = [
            (between(a, b), i, j)
            for i, a in enumerate(clusters)
            for j, b in enumerate(clusters[:i])
        ]
        distance, i, j = min(pairs)
        if distance > max_distance:
            break
        clusters[j] |= clusters.pop(i)
    return clusters


@pytest.mark.parametrize("seed", range(4))
def test_agglomeration_is_average_linkage(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((30, 6)).astype(np.float32))
    weights = rng.uniform(0.5, 5, 30)
    labels = agglomerate(vectors, weights, 0.6)
    found = {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels)}
    assert found == {frozenset(cluster) for cluster in naive(vectors, weights, 0.6)}
    assert set(labels) == set(range(len(found)))


@pytest.mark.parametrize("n_speakers", [1, 2, 5])
def test_speakers_are_found_in_any_order(n_speakers: int) -> None:
    people = voices(n_speakers)
    heard = np.concatenate([samples_of(person, 12, i) for i, person in enumerate(people)])
    clean_s = np.full(len(heard), 2.0)
    for order in (np.arange(len(heard)), np.random.default_rng(1).permutation(len(heard))):
        found = find_speakers(heard[order], clean_s, projection())
        assert found.shape == people.shape
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
        assert sorted((found @ people.T).argmax(axis=1)) == list(range(n_speakers))


def test_a_cough_is_no_speaker() -> None:
    people = voices(2)
    heard = np.concatenate([samples_of(people[0], 40), samples_of(people[1], 1)])
    clean_s = np.array([4.0] * 40 + [0.5])
    assert len(find_speakers(heard, clean_s, projection())) == 1


def test_short_pieces_alone_still_have_a_speaker() -> None:
    heard = samples_of(voices(1)[0], 3)
    assert len(find_speakers(heard, np.zeros(3), projection())) == 1


def test_pruning_joins_what_is_one_voice() -> None:
    heard = samples_of(voices(1)[0], 20)
    split = np.arange(20) % 2
    assert set(prune(heard, split, projection())) == {0}
