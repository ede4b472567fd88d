"""Voices to speakers: agglomerative clustering, then a Bayesian mixture that prunes it.

The first is average linkage on cosine distance. The second is VBx (Landini et al., 2022) without
its Markov chain, as pyannote's community pipeline has it: a mixture in a space where the spread
within a speaker is one in every direction (PLDA), which speakers without enough evidence leave.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auricle.diarization.embedding import MODELS

Vectors = NDArray[np.float32]
"""Shape (n, size)."""
Labels = NDArray[np.intp]
"""A cluster for each vector, shape (n,), from 0 on without holes."""

MAX_DISTANCE = 0.6
"""Cosine distance of centred voices up to which clusters are joined: strangers are at about 1."""
MAX_CLUSTERED = 4000
"""Voices that are clustered; of more, evenly spread ones. Bounds the matrix to 64 MB."""
MIN_CLEAN_S = 2.0
"""Shorter pieces have a speaker, but no say in who there is."""
MAX_WEIGHT_S = 5.0
ROUNDS = 15
EVIDENCE_SCALE, SPEAKER_PENALTY = 0.3, 1.0
"""VBx's F_A (windows overlap: a voice counts less than one observation) and F_B."""
N_DIRECTIONS = 96
MIN_SPEAKER_S, MIN_SPEAKER_SHARE, LARGEST_MIN_SHARE = 1.0, 0.008, 0.15
"""A speaker has at least this much clean speech, counted as often as windows overlap."""
MAX_SPEAKERS = 32
"""The ones who speak most are kept."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Learnt from other speakers: the mean voice, and the space of the mixture."""

    mean: Vectors
    inner_mean: Vectors
    directions: Vectors  # (size, N_DIRECTIONS)
    spread: Vectors  # (N_DIRECTIONS,), between speakers; within one it is 1

    @classmethod
    @cache
    def load(cls, path: Path = MODELS / "plda.npz") -> "Projection":
        """The stored one."""
        with np.load(path) as stored:
            return cls(
                stored["mu0"],
                stored["mu"],
                stored["P"][:, :N_DIRECTIONS],
                stored["phi"][:N_DIRECTIONS],
            )

    def centred(self, embeddings: Vectors) -> Vectors:
        """Voices of unit norm without what all voices share."""
        return unit(embeddings - self.mean)


def unit(vectors: Vectors) -> Vectors:
    """Each of unit norm."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(norms, np.float32(1e-9))
    return scaled


def find_speakers(voices: Vectors, clean_s: NDArray[np.float64], projection: Projection) -> Vectors:
    """The speakers among these voices, as centroids of unit norm, shape (n_speakers, size).

    Args:
        voices: centred, shape (n, size), n at least 1.
        clean_s: seconds of clean speech behind each.
        projection: the space of the mixture.
    """
    chosen = _chosen(clean_s)
    voices, clean_s = voices[chosen], clean_s[chosen]
    weights = np.clip(clean_s, 0.1, MAX_WEIGHT_S)
    labels = agglomerate(voices, weights, MAX_DISTANCE)
    labels = prune(voices, labels, projection)
    spoken_s = np.bincount(labels, weights=clean_s)
    total_s = spoken_s.sum()
    least_s = min(max(MIN_SPEAKER_S, MIN_SPEAKER_SHARE * total_s), LARGEST_MIN_SHARE * total_s)
    kept = np.argsort(-spoken_s, kind="stable")[:MAX_SPEAKERS]
    kept = kept[spoken_s[kept] >= least_s]
    return unit(np.stack([weights[labels == c] @ voices[labels == c] for c in kept])).astype(
        np.float32
    )


def _chosen(clean_s: NDArray[np.float64]) -> Labels:
    """The voices that say who there is: clean ones if there are, and not too many."""
    least_s = MIN_CLEAN_S
    while least_s > MIN_CLEAN_S / 8 and (clean_s >= least_s).sum() < min(2, len(clean_s)):
        least_s /= 2
    chosen = np.flatnonzero(clean_s >= least_s)
    if not len(chosen):
        chosen = np.arange(len(clean_s))
    if len(chosen) > MAX_CLUSTERED:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MAX_CLUSTERED).astype(np.intp)]
    return chosen


def agglomerate(voices: Vectors, weights: NDArray[np.float64], max_distance: float) -> Labels:
    """Join the closest clusters until none are within the distance (average linkage).

    Each cluster remembers its nearest neighbour, so a join costs one row: time and memory grow
    with the square of n.
    """
    n = len(voices)
    distances = (1 - voices @ voices.T).astype(np.float32)
    np.fill_diagonal(distances, np.inf)
    sizes = weights.copy()
    members = [[i] for i in range(n)]
    nearest = distances.argmin(axis=1)
    nearest_at = distances[np.arange(n), nearest]
    while n > 1:
        into = int(nearest_at.argmin())
        if not nearest_at[into] <= max_distance:
            break
        gone = int(nearest[into])
        row = sizes[into] * distances[into] + sizes[gone] * distances[gone]
        row /= sizes[into] + sizes[gone]
        row[[into, gone]] = np.inf
        distances[into] = distances[:, into] = row
        distances[gone] = distances[:, gone] = np.inf
        nearest_at[gone] = np.inf
        sizes[into] += sizes[gone]
        members[into] += members[gone]
        members[gone] = []
        stale = np.flatnonzero(np.isfinite(nearest_at) & np.isin(nearest, (into, gone)))
        for i in {into, *stale.tolist()}:
            nearest[i] = distances[i].argmin()
            nearest_at[i] = distances[i, nearest[i]]
        closer = row < nearest_at
        nearest[closer], nearest_at[closer] = into, row[closer]
        n -= 1
    labels = np.zeros(len(voices), np.intp)
    for label, indices in enumerate(filter(None, members)):
        labels[indices] = label
    return labels


def prune(voices: Vectors, labels: Labels, projection: Projection) -> Labels:
    """Labels again, after speakers without enough evidence have left the mixture."""
    points = (voices - projection.inner_mean) @ projection.directions
    points = points * np.sqrt(projection.spread)
    ratio = EVIDENCE_SCALE / SPEAKER_PENALTY
    shares = np.eye(labels.max() + 1)[labels] * 7  # the start: nearly certain
    shares = np.exp(shares - shares.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    prior = np.full(shares.shape[1], 1 / shares.shape[1])
    for _ in range(ROUNDS):
        variance = 1 / (1 + ratio * shares.sum(axis=0)[:, None] * projection.spread)
        speakers = ratio * variance * (shares.T @ points)
        evidence = points @ speakers.T - 0.5 * ((variance + speakers**2) @ projection.spread)
        scores = EVIDENCE_SCALE * evidence + np.log(prior + 1e-8)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        prior = shares.mean(axis=0)
    return np.unique(shares.argmax(axis=1), return_inverse=True)[1]
