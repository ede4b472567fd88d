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


def test_segments_of_turns_that_overlap_do_so_too() -> None:
    turns = (Turn(0.0, 2.5, 0), Turn(2.0, 4.0, 1))
    both = segment(("Yes?", 0.3, 1.9), ("No.", 2.3, 3.0))
    found = label_segments([both], turns, NAMES)
    assert [(s.start, s.end) for s in found] == [(0.0, 2.5), (2.0, 4.0)]


def test_who_speaks_on_while_another_says_a_word_is_heard_all_the_time() -> None:
    turns = (Turn(0.0, 6.0, 0), Turn(2.0, 3.0, 1))
    said = [
        segment(("Well,", 0.2, 1.0), ("I", 1.0, 1.2)),
        segment(("Hm.", 2.2, 2.7)),
        segment(("think", 3.2, 4.0), ("so.", 4.0, 5.5)),
    ]
    found = label_segments(said, turns, NAMES)
    assert [(s.speaker, s.start, s.end) for s in found] == [
        ("anna", 0.0, 3.2),
        ("ben", 2.0, 3.0),
        ("anna", 3.2, 6.0),
    ]
    assert [w.end for s in found for w in s.words] == [1.0, 1.2, 2.7, 4.0, 5.5]


def test_words_outside_their_turn_are_not_run_over() -> None:
    turns = (Turn(0.0, 3.0, 0), Turn(2.5, 6.0, 1))
    early = segment(
        ("So", 1.6, 2.0), ("we", 2.0, 2.3), ("go", 2.6, 3.2), ("home", 3.2, 4.0), ("now", 4.0, 4.5)
    )
    last = segment(("then", 4.5, 4.9), ("all.", 4.9, 5.5))
    sentence = segment(*((w.text, w.start, w.end) for s in (early, last) for w in s.words))
    found = label_segments([segment(("Yes.", 0.3, 1.5)), sentence], turns, NAMES)
    assert [(s.speaker, s.start, s.end) for s in found] == [("anna", 0.0, 1.6), ("ben", 1.6, 6.0)]


def test_of_two_turns_a_sentence_begins_the_later_one() -> None:
    turns = (Turn(0.0, 3.0, 0), Turn(2.0, 5.0, 1))
    found = label_segments(
        [segment(("Yes.", 0.3, 1.5)), segment(("No,", 2.1, 2.6), ("no.", 3.4, 4.0))], turns, NAMES
    )
    assert [(s.text, s.speaker) for s in found] == [("Yes.", "anna"), ("No, no.", "ben")]
    on = label_segments([segment(("Yes,", 0.3, 1.5), ("yes.", 2.1, 2.6))], turns, NAMES)
    assert [(s.text, s.speaker) for s in on] == [("Yes, yes.", "anna")]


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


LATE = (("so", 1.5, 2.0), ("we", 2.1, 2.4), ("all", 2.4, 2.9), ("say.", 2.9, 3.9))


def test_a_sentence_keeps_the_few_words_that_another_turn_has_of_it() -> None:
    late = segment(*LATE)
    found = labelled(late)
    assert [(s.text, s.speaker) for s in found] == [(late.text, "ben")]
    times = [(word.start, word.end) for word in found[0].words]
    assert times == [(word.start, word.end) for word in late.words]


def test_words_before_a_pause_are_the_other_turns_own() -> None:
    found = labelled(segment(("so", 1.0, 1.6), *LATE[1:]))
    assert [(s.text, s.speaker) for s in found] == [("so", "anna"), ("we all say.", "ben")]


def test_a_pause_outside_the_turn_belongs_to_nobody() -> None:
    found = labelled(
        segment(("Far", 5.0, 5.3)), segment(("near.", 8.5, 8.8)), segment(("In.", 9.1, 9.8))
    )
    assert [(s.speaker, s.start, s.end) for s in found] == [
        ("anna", 5.0, 5.3),
        ("anna", 8.5, 8.8),
        ("anna", 9.1, 10.0),
    ]
