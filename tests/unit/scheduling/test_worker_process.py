"""Before a worker says that it is ready, its engine has computed something."""

import pytest

from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    EngineInfo,
    Failed,
    Final,
    Hypothesis,
    Utterance,
)
from auricle.scheduling.worker_process import prove

HEARD_NOTHING = Final(Hypothesis((), "en", 1.0, 1.0, 1.0, 0))


class Answering:
    """An engine that has the same answer to everything."""

    def __init__(self, event: DecodeEvent, *, is_proven: bool) -> None:
        self.info = EngineInfo("answering", 30.0, ("en",), is_proven=is_proven)
        self.joined: list[int] = []
        self._event = event

    def join(self, key: int, utterance: Utterance, options: DecodeOptions) -> None:
        self.joined.append(key)

    def cancel(self, key: int) -> None:
        self.joined.remove(key)

    def step(self) -> list[tuple[int, DecodeEvent]]:
        return [(key, self._event) for key in self.joined]

    def close(self) -> None:
        self.joined.clear()


def test_an_engine_is_tried_once() -> None:
    engine = Answering(HEARD_NOTHING, is_proven=False)
    prove(engine)
    assert len(engine.joined) == 1


def test_an_engine_that_fails_is_not_ready() -> None:
    with pytest.raises(RuntimeError, match="no such instruction"):
        prove(Answering(Failed("no such instruction"), is_proven=False))


def test_an_engine_that_checked_itself_is_not_tried_again() -> None:
    engine = Answering(Failed("it was tried"), is_proven=True)
    prove(engine)
    assert not engine.joined
