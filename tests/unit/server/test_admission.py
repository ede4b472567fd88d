"""Permits, time limits, draining."""

import asyncio

import pytest

from auricle.errors import DeadlineExceeded, Overloaded, Unavailable
from auricle.server.admission import Admission
from auricle.server.rate import RateLimit


def test_permits_are_counted_and_come_back() -> None:
    admission = Admission(2)
    with admission.permit():
        with admission.permit():
            assert admission.in_use == 2
            with pytest.raises(Overloaded, match="2 transcriptions") as caught, admission.permit():
                pass
            assert caught.value.retry_after_s > 0
        with admission.permit():
            pass
    assert admission.in_use == 0


def test_a_permit_comes_back_after_an_error() -> None:
    admission = Admission(1)
    with pytest.raises(ValueError), admission.permit():  # noqa: PT011
        raise ValueError
    assert admission.in_use == 0


def test_one_key_cannot_take_all_permits() -> None:
    admission = Admission(3, max_per_tenant=2)
    with admission.permit("a"), admission.permit("a"):
        with pytest.raises(Overloaded, match="2 transcriptions of this key"), admission.permit("a"):
            pass
        with admission.permit("b"):
            assert admission.in_use == 3
    with admission.permit("a"):
        pass
    assert admission.in_use == 0


def test_a_refusal_for_want_of_permits_does_not_count_for_the_rate() -> None:
    admission = Admission(1, rate=RateLimit(2, clock=lambda: 0.0))
    with admission.permit("a"), pytest.raises(Overloaded, match="in work"), admission.permit("a"):
        pass
    with admission.permit("a"):
        pass
    with pytest.raises(Overloaded, match="a minute"), admission.permit("a"):
        pass
    with admission.permit("b"):
        pass


async def test_time_limit() -> None:
    with pytest.raises(DeadlineExceeded, match=r"the work took longer than 0\.01 s"):
        async with Admission(1).time_limit(0.01, "the work"):
            await asyncio.Event().wait()


async def test_a_time_out_inside_is_not_taken_for_the_limit() -> None:
    with pytest.raises(TimeoutError):
        async with Admission(1).time_limit(60, "the work"):
            raise TimeoutError


async def test_draining_turns_new_requests_away_and_waits_for_the_others() -> None:
    admission = Admission(2)
    with admission.permit():
        admission.drain()
        with pytest.raises(Unavailable, match="shutting down"), admission.permit():
            pass
        waiting = asyncio.create_task(admission.until_idle())
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def test_a_cut_ends_all_work() -> None:
    admission = Admission(2)
    entered = asyncio.Event()

    async def work() -> None:
        async with admission.time_limit(60, "the work"):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    admission.drain()
    admission.cut()
    with pytest.raises(Unavailable, match="shutting down"):
        await task
    with pytest.raises(Unavailable):
        await work()
