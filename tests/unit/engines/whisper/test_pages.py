import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.engines.whisper.pages import PagePool
from auricle.errors import EngineFailed


def test_lowest_free_pages_are_taken_first() -> None:
    pool = PagePool(6)
    first = pool.take(2)
    assert (first, pool.take(2)) == ([0, 1], [2, 3])
    pool.release(first)
    assert pool.take(3) == [0, 1, 4]


def test_page_held_twice_is_free_after_the_second_release() -> None:
    pool = PagePool(1)
    pages = pool.take(1)
    pool.hold(pages)
    pool.release(pages)
    assert pool.n_free == 0
    pool.release(pages)
    assert pool.n_free == 1


def test_asking_for_too_much_takes_nothing() -> None:
    pool = PagePool(3)
    pool.take(1)
    with pytest.raises(EngineFailed, match="3 cache pages wanted, 2 free"):
        pool.take(3)
    assert pool.n_free == 2


@given(st.lists(st.tuples(st.sampled_from(["take", "hold", "release"]), st.integers(0, 4))))
def test_no_page_has_two_owners_and_none_is_lost(actions: list[tuple[str, int]]) -> None:
    pool, held = PagePool(8), list[list[int]]()
    for action, number in actions:
        if action == "take" and number <= pool.n_free:
            pages = pool.take(number)
            assert not {page for other in held for page in other} & set(pages)
            held.append(pages)
        elif held and action == "hold":
            pool.hold(held[number % len(held)])
            held.append(held[number % len(held)])
        elif held and action == "release":
            pool.release(held.pop(number % len(held)))
        assert pool.n_free == 8 - len({page for other in held for page in other})
