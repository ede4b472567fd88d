"""How many decoder processes there should be."""

from auricle.audio.waveform import SAMPLE_RATE
from auricle.frontend.crew import LONG_S, RESERVE, SLACK, Crew, Hold

LONG = int(LONG_S * SAMPLE_RATE)


def hold_long(crew: Crew) -> Hold:
    hold = crew.hold()
    assert not hold.reaches(LONG - 1)
    assert hold.reaches(LONG)
    assert not hold.reaches(LONG + 1)
    return hold


def surplus(crew: Crew) -> bool:
    return crew.has_surplus


def test_reserve_lasts_for_some_long_recordings() -> None:
    crew = Crew(4, 64)
    for _ in range(4 - RESERVE):
        hold_long(crew)
        assert not crew.is_short
    hold_long(crew)
    assert crew.is_short
    crew.size += 1
    assert not crew.is_short


def test_a_small_pool_has_a_small_reserve() -> None:
    crew = Crew(1, 64)
    hold_long(crew)
    assert crew.is_short


def test_the_limit_is_a_limit() -> None:
    crew = Crew(1, 2)
    for _ in range(5):
        hold_long(crew)
    crew.size = 2
    assert not crew.is_short


def test_surplus_goes_but_for_some_slack_while_there_are_long_recordings() -> None:
    crew = Crew(1, 64)
    holds = [hold_long(crew) for _ in range(1 + SLACK + 1)]
    crew.size = crew.n_long + 1
    for hold in holds[: SLACK + 1]:
        assert not surplus(crew)
        hold.end()
        hold.end()
    assert surplus(crew)
    crew.size -= 1
    assert not surplus(crew)
    holds[-1].end()
    assert crew.n_long == 0
    assert surplus(crew)
    crew.size = 1
    assert not surplus(crew)
