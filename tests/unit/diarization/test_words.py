from auricle.diarization.turns import Turn
from auricle.diarization.words import label_segments
from auricle.transcript.joining import join_texts
from auricle.transcript.model import Segment, Word

NAMES = ("anna", "ben")
TURNS = (Turn(0.0, 2.0, 0), Turn(2.1, 4.0, 1), Turn(9.0, 10.0, 0))


def words(*spans: tuple[str, float, float]) -> tuple[Word, ...]:
    return tuple(Word(text, start, end) for text, start, end in spans)


def segment(*spans: tuple[str, float, float]) -> Segment:
    inside = words(*spans)
    text = " ".join(word.text for word in inside)
    return Segment(text, inside[0].start, inside[-1].end, 0.9, words=inside)


def labelled(*segments: Segment) -> list[Segment]:
    return label_segments(segments, TURNS, NAMES)


def test_segments_end_where_the_speaker_changes() -> None:
    both = segment(("Yes?", 0.1, 1.0), ("Go", 1.1, 2.0), ("on.", 2.2, 3.0), ("No.", 3.1, 3.9))
    found = labelled(both)
    assert [(s.text, s.speaker) for s in found] == [("Yes? Go", "anna"), ("on. No.", "ben")]
    assert [(s.start, s.end) for s in found] == [(0.0, 2.0), (2.1, 4.0)]
    assert [w.speaker for s in found for w in s.words] == ["anna", "anna", "ben", "ben"]
    assert all(s.score == 0.9 for s in found)
    assert join_texts(s.text for s in found) == both.text


def test_a_speakers_next_turn_is_another_segment_inside_it() -> None:
    found = labelled(segment(("Well.", 0.2, 3.0), ("Bye.", 8.0, 10.8)))
    assert [(s.text, s.speaker, s.start, s.end) for s in found] == [
        ("Well.", "anna", 0.0, 2.0),
        ("Bye.", "anna", 9.0, 10.0),
    ]
    assert [(w.start, w.end) for s in found for w in s.words] == [(0.2, 2.0), (9.0, 10.0)]


def test_a_word_belongs_to_whom_it_overlaps_most() -> None:
    found = labelled(segment(("well", 1.7, 2.9)))
    assert found[0].speaker == "ben"


def test_segments_do_not_run_into_each_other() -> None:
    turns = (Turn(0.0, 2.5, 0), Turn(2.0, 4.0, 1))
    both = segment(("Yes?", 0.3, 2.1), ("No.", 2.3, 3.0))
    found = label_segments([both], turns, NAMES)
    assert [(s.start, s.end) for s in found] == [(0.0, 2.3), (2.3, 3.0)]


def test_a_word_that_swallowed_a_pause_counts_by_its_beginning() -> None:
    found = labelled(segment(("so", 0.5, 4.0)))
    assert found[0].speaker == "anna"


def test_outside_all_turns_a_near_one_counts_or_the_last_speaker() -> None:
    found = labelled(segment(("late", 4.5, 4.8), ("later", 6.5, 6.8)), segment(("soon", 8.2, 8.5)))
    assert [(s.text, s.speaker) for s in found] == [("late later", "ben"), ("soon", "anna")]


def test_a_segment_without_words_is_whole() -> None:
    found = labelled(Segment("All of it.", 1.0, 4.0))
    assert [(s.text, s.speaker) for s in found] == [("All of it.", "ben")]


def test_without_turns_nobody_speaks() -> None:
    said = segment(("hello", 0.0, 1.0))
    assert label_segments([said], (), ()) == [said]


def test_a_pause_inside_a_turn_belongs_to_its_speaker() -> None:
    said = [segment(("Yes.", 0.3, 0.8)), segment(("Go", 1.4, 1.6), ("on.", 1.6, 1.9))]
    found = labelled(*said)
    assert [(s.text, s.start, s.end) for s in found] == [("Yes.", 0.0, 1.4), ("Go on.", 1.4, 2.0)]
    assert (found[0].words[0].start, found[0].words[0].end) == (0.3, 0.8)


def test_a_sentence_keeps_the_few_words_that_another_turn_has_of_it() -> None:
    late = segment(
        ("Well", 1.2, 1.5),
        ("so", 1.5, 2.0),
        ("we", 2.1, 2.4),
        ("all", 2.4, 2.9),
        ("say.", 2.9, 3.9),
    )
    found = labelled(late)
    assert [(s.text, s.speaker) for s in found] == [(late.text, "ben")]
    times = [(word.start, word.end) for word in found[0].words]
    assert times == [(word.start, word.end) for word in late.words]


def test_a_pause_outside_the_turn_belongs_to_nobody() -> None:
    found = labelled(
        segment(("Far", 5.0, 5.3)), segment(("near.", 8.5, 8.8)), segment(("In.", 9.1, 9.8))
    )
    assert [(s.speaker, s.start, s.end) for s in found] == [
        ("anna", 5.0, 5.3),
        ("anna", 8.5, 8.8),
        ("anna", 9.1, 10.0),
    ]
