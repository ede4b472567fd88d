"""Context bias: errors on the words a caller lists, and on all others; hotwords beside it.

Every English recording of a kind is transcribed three times by each system: with no list, with its
own rare words among distractors, and with distractors alone. Rare are words that are not among the
5,000 most frequent of English (`wordfreq`); distractors are other recordings' rare words, drawn
with a seed, and fill the list up to 100 (Le et al. 2021, "Contextualized Streaming End-to-End
Speech Recognition with Trie-Based Deep Biasing and Shallow Fusion"). A listed word that is
wrong, missing or inserted is an error on listed words. Prints a table and appends JSON lines.

    python bench/bias.py
"""

import argparse
import contextlib
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from auricle.scoring.bootstrap import paired_bootstrap
from auricle.scoring.text import Normalizer, scored_tokens
from auricle.scoring.wer import ErrorCounts, align
from auricle.settings import load
from manifest import Recording, find_manifest, read_manifest
from normalizers import load_normalizers
from records import Recorder, describe_run, n_cores, warn_if_busy
from server_process import connect, running_server
from systems import FasterWhisper
from table import format_table

N_COMMON = 5_000
LIST_SIZE = 100
LISTS = ("none", "own words", "distractors")

Transcribe = Callable[[Recording, Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class WordList:
    """Of one recording: the rare words that are said in it, and others that are not."""

    own: tuple[str, ...]
    distractors: tuple[str, ...]

    def phrases(self, name: str) -> tuple[str, ...]:
        """What is listed under one of `LISTS`."""
        if name == "none":
            return ()
        own = self.own[:LIST_SIZE] if name == "own words" else ()
        return (*own, *self.distractors[: LIST_SIZE - len(own)])


@dataclass(frozen=True, slots=True)
class BiasScore:
    """Errors in one recording; `invented` are listed words that nobody said."""

    listed: ErrorCounts
    others: ErrorCounts
    invented: tuple[str, ...]


def word_lists(recordings: Sequence[Recording], seed: int) -> dict[str, WordList]:
    """The list of each recording, by id."""
    from wordfreq import top_n_list

    common = frozenset(top_n_list("en", N_COMMON))
    rare = {
        r.id: [w for w in _words(r) if len(w) > 2 and w.isalpha() and w.lower() not in common]
        for r in recordings
    }
    everyones = sorted({word for words in rare.values() for word in words})
    lists = {}
    for recording in recordings:
        said = {word.lower() for word in _words(recording)}
        others = [word for word in everyones if word.lower() not in said]
        random.Random(f"{seed}-{recording.id}").shuffle(others)
        lists[recording.id] = WordList(tuple(rare[recording.id]), tuple(others))
    return lists


def score(
    recording: Recording,
    heard: str,
    words: WordList,
    listed: Sequence[str],
    normalizers: Mapping[str, Normalizer],
) -> BiasScore:
    """Errors by whether the word is one of the recording's rare ones."""

    def tokens(text: str) -> Sequence[str]:
        return scored_tokens(text, recording.language, normalizers)

    rare = {token for word in words.own for token in tokens(word)}
    spoken, found = tokens(recording.reference or ""), tokens(heard)
    counts = {True: ErrorCounts(), False: ErrorCounts()}
    for i, j in align(spoken, found):
        token = spoken[i] if i is not None else found[j or 0]
        counts[token in rare] += ErrorCounts(
            n_reference=int(i is not None),
            substitutions=int(i is not None and j is not None and spoken[i] != found[j]),
            deletions=int(j is None),
            insertions=int(i is None),
        )
    invented = [
        word for word in listed if _holds(found, tokens(word)) and not _holds(spoken, tokens(word))
    ]
    return BiasScore(counts[True], counts[False], tuple(invented))


def _words(recording: Recording) -> list[str]:
    return list(dict.fromkeys(re.findall(r"[\w']+", recording.reference or "")))


def _holds(text: Sequence[str], words: Sequence[str]) -> bool:
    n = len(words)
    return any(list(text[i : i + n]) == list(words) for i in range(len(text) - n + 1))


def auricle(client: httpx.Client) -> Transcribe:
    def transcribe(recording: Recording, listed: Sequence[str]) -> str:
        with recording.path.open("rb") as file:
            response = client.post(
                "/v1/audio/transcriptions",
                data={"model": "voxtral-mini-latest", "context_bias": list(listed)},
                files={"file": file},
            )
        return str(response.raise_for_status().json()["text"])

    return transcribe


def faster_whisper(model: Any) -> Transcribe:
    def transcribe(recording: Recording, listed: Sequence[str]) -> str:
        hotwords = " ".join(listed) or None
        system = FasterWhisper(model, name="faster-whisper", vad_filter=True, hotwords=hotwords)
        return system.transcribe(recording).text

    return transcribe


def measure(
    systems: Mapping[str, Transcribe],
    recordings: Sequence[Recording],
    lists: Mapping[str, WordList],
    recorder: Recorder,
) -> dict[tuple[str, str], list[BiasScore]]:
    """Scores by system and list, recording by recording, the systems in turn."""
    normalizers = load_normalizers()
    scores: dict[tuple[str, str], list[BiasScore]] = {}
    for recording in recordings:
        words = lists[recording.id]
        for name in LISTS:
            listed = words.phrases(name)
            for system, transcribe in systems.items():
                text = transcribe(recording, listed)
                result = score(recording, text, words, listed, normalizers)
                scores.setdefault((system, name), []).append(result)
                answer = {"text": text, "invented": result.invented}
                recorder.write(
                    "item", {"id": recording.id, "system": system, "list": name, **answer}
                )
    return scores


def report(scores: Mapping[tuple[str, str], Sequence[BiasScore]], recorder: Recorder) -> None:
    rows = []
    for (system, name), items in scores.items():
        plain = scores[system, LISTS[0]]
        listed, others = (_summary(items, plain, part) for part in ("listed", "others"))
        invented = [word for item in items for word in item.invented]
        rows.append([system, name, *listed, *others, str(len(invented))])
        recorder.write(
            "row",
            {"system": system, "list": name, "listed": listed, "others": others}
            | {"invented": invented},
        )
    header = ["system", "list", "listed words", "difference", "other words", "difference"]
    print(format_table([*header, "invented"], rows))


def _summary(items: Sequence[BiasScore], plain: Sequence[BiasScore], part: str) -> tuple[str, str]:
    """Errors of all words, and the interval of the difference to no list, in points."""
    counts: list[ErrorCounts] = [getattr(item, part) for item in items]
    total = sum(counts, ErrorCounts())
    found = f"{total.errors} of {total.n_reference}"
    if items is plain:
        return found, ""
    interval = paired_bootstrap(counts, [getattr(item, part) for item in plain])
    low, high, mean = (100 * x for x in (interval.low, interval.high, interval.difference))
    return found, f"{mean:+.1f} ({low:+.1f} .. {high:+.1f})"


def main() -> None:
    settings, _ = load()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest")
    parser.add_argument("--kind", default="read")
    parser.add_argument("--seed", type=int, default=0, help="of the distractors")
    parser.add_argument("--no-peer", action="store_true", help="Auricle alone")
    parser.add_argument(
        "--weights", type=Path, default=settings.cache_dir / "models" / settings.model
    )
    options = parser.parse_args()
    recordings = [
        recording
        for recording in read_manifest(find_manifest(options.manifest))
        if (recording.kind, recording.language) == (options.kind, "en") and recording.reference
    ]
    lists = word_lists(recordings, options.seed)
    recorder = Recorder("bias")
    warn_if_busy()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_server(None))
        systems = {"Auricle": auricle(stack.enter_context(connect(server)))}
        if not options.no_peer:
            model = FasterWhisper.load(options.weights, threads=n_cores())
            systems["faster-whisper"] = faster_whisper(model)
        recorder.write("run", describe_run(options.weights))
        report(measure(systems, recordings, lists, recorder), recorder)
    print(f"\nresults: {recorder.path.name}")


if __name__ == "__main__":
    main()
