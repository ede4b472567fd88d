from auricle.scoring.cpwer import count_speaker_errors
from auricle.scoring.wer import ErrorCounts

MORNING = ["good", "morning", "to", "you"]
HELLO = ["hello", "there"]
REFERENCE = {"anna": MORNING, "ben": HELLO}


def test_labels_do_not_matter() -> None:
    hypothesis = {"speaker_1": HELLO, "speaker_2": MORNING}
    scored = count_speaker_errors(REFERENCE, hypothesis)
    assert scored.counts == ErrorCounts(6)
    assert scored.speakers == {"speaker_1": "ben", "speaker_2": "anna"}


def test_words_given_to_the_wrong_speaker_are_errors() -> None:
    hypothesis = {"1": MORNING[:-1], "2": [MORNING[-1], *HELLO]}
    scored = count_speaker_errors(REFERENCE, hypothesis)
    assert scored.counts == ErrorCounts(6, deletions=1, insertions=1)


def test_a_missing_speaker_is_all_deletions() -> None:
    scored = count_speaker_errors(REFERENCE, {"1": MORNING})
    assert scored.counts == ErrorCounts(6, deletions=2)
    assert scored.speakers == {"1": "anna"}


def test_a_speaker_too_many_is_all_insertions() -> None:
    hypothesis = {**REFERENCE, "ghost": ["boo"]}
    scored = count_speaker_errors(REFERENCE, hypothesis)
    assert scored.counts == ErrorCounts(6, insertions=1)
    assert scored.speakers == {"anna": "anna", "ben": "ben"}


def test_nobody_against_nobody() -> None:
    assert count_speaker_errors({}, {}).counts == ErrorCounts()
