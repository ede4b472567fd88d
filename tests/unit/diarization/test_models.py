import hashlib

from auricle.diarization.embedding import MODELS

NOTICES = {"LICENSE-segmentation": "Copyright (c) 2020 CNRS", "LICENSE-campplus": "Apache License"}


def test_the_models_are_the_ones_their_list_names() -> None:
    for line in (MODELS / "SHA256SUMS").read_text().splitlines():
        sha256, name = line.split()
        assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == sha256


def test_both_notices_are_there() -> None:
    for name, mark in NOTICES.items():
        assert mark in (MODELS / name).read_text()
