from auricle.engines.whisper.encode_queue import MAX_HELD_STEPS, MAX_OVERTAKEN, EncodeQueue


def queue_of(*durations_s: float) -> EncodeQueue:
    queue = EncodeQueue()
    for key, duration_s in enumerate(durations_s):
        queue.push(key, duration_s)
    return queue


def encode_next(queue: EncodeQueue) -> int | None:
    """Encode a whole window at once."""
    key = queue.choose(())
    if key is not None:
        queue.discard(key)
    return key


def test_short_utterances_are_encoded_first() -> None:
    queue = queue_of(28, 3, 25, 5)
    assert [encode_next(queue) for _ in range(5)] == [1, 3, 2, 0, None]


def test_equal_utterances_keep_their_order() -> None:
    queue = queue_of(4, 4, 4)
    assert [encode_next(queue) for _ in range(3)] == [0, 1, 2]


def test_long_window_is_overtaken_a_few_times_only() -> None:
    queue = queue_of(28, *[3] * (MAX_OVERTAKEN + 3))
    order = [encode_next(queue) for _ in range(MAX_OVERTAKEN + 4)]
    assert order.index(0) == MAX_OVERTAKEN


def test_long_windows_do_not_catch_up_all_at_once() -> None:
    queue = queue_of(28, 28, 28, *[3] * (2 * MAX_OVERTAKEN + 1))
    order = [encode_next(queue) for _ in range(2 * MAX_OVERTAKEN + 4)]
    assert [order.index(long) for long in range(3)] == [
        MAX_OVERTAKEN,
        2 * MAX_OVERTAKEN + 1,
        2 * MAX_OVERTAKEN + 3,
    ]


def test_a_window_whose_turn_it_is_lets_short_ones_between_its_stages() -> None:
    queue = queue_of(28, *[3] * (MAX_OVERTAKEN + 2))
    for _ in range(MAX_OVERTAKEN):
        encode_next(queue)
    assert queue.choose(()) == 0  # and it is not discarded: more stages follow
    assert [encode_next(queue) for _ in range(3)] == [MAX_OVERTAKEN + 1, MAX_OVERTAKEN + 2, 0]


def test_long_window_waits_for_a_short_text_that_is_being_decoded() -> None:
    queue = queue_of(28)
    assert queue.choose([5.0, 28.0]) is None
    assert queue.choose([28.0]) == 0


def test_long_window_does_not_wait_for_ever() -> None:
    queue = queue_of(28)
    assert [queue.choose([5.0]) for _ in range(MAX_HELD_STEPS + 1)][-2:] == [None, 0]


def test_a_short_utterance_does_not_wait_for_one_that_waits_itself() -> None:
    queue = queue_of(28, *[3] * (MAX_OVERTAKEN + 1))
    for _ in range(MAX_OVERTAKEN):
        encode_next(queue)
    assert queue.choose([3.0]) == MAX_OVERTAKEN + 1


def test_short_utterance_does_not_wait_for_another() -> None:
    assert queue_of(5).choose([5.0]) == 0


def test_discarded_utterance_is_not_encoded() -> None:
    queue = queue_of(5, 6)
    queue.discard(0)
    assert 0 not in queue
    assert [encode_next(queue), encode_next(queue)] == [1, None]


def test_what_was_begun_is_finished_before_others_like_it() -> None:
    queue = queue_of(28)
    assert queue.choose(()) == 0
    queue.push(1, 25)
    assert queue.choose(()) == 0
    queue.discard(0)
    assert queue.choose(()) == 1


def test_a_short_utterance_comes_between_the_stages_of_a_long_one() -> None:
    queue = queue_of(28)
    assert queue.choose(()) == 0
    queue.push(1, 3)
    assert [queue.choose(()), queue.choose(())] == [1, 1]
    queue.discard(1)
    assert queue.choose([3.0]) is None  # its text first
    assert queue.choose(()) == 0


def test_stages_are_held_no_longer_than_a_window() -> None:
    queue = queue_of(28)
    chosen = [queue.choose([3.0]) for _ in range(MAX_HELD_STEPS + 3)]
    assert chosen[-4:] == [None, 0, 0, 0]
