"""What tests of all kinds share: tools that may be missing, and a running server."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from harness.server import Server
from harness.speech import large_set
from harness.tools import what_is_missing
from manifest import Recording

# Found examples are kept by the run that found them; deadlines belong to benchmarks.
settings.register_profile("auricle", deadline=None, max_examples=60, print_blob=True)
settings.load_profile("auricle")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a missing tool; where all tools are promised, fail instead."""
    for marker in item.iter_markers("needs"):
        if reason := what_is_missing(marker.args):
            if os.environ.get("AURICLE_REQUIRE_TOOLS") == "1":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`recording` is each item of the large set whose kind the marker `speech_set` names."""
    for marker in metafunc.definition.iter_markers("speech_set"):
        found = [each for each in large_set() if each.kind in marker.args]
        missing = pytest.param(
            None, marks=pytest.mark.skip("no large speech set: set AURICLE_TEST_AUDIO")
        )
        metafunc.parametrize("recording", found or [missing], ids=_id_of)


def _id_of(recording: Recording | None) -> str:
    return "none" if recording is None else recording.id


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as `make run` starts it, but for a key and leave to fetch from this machine."""
    running = Server(tmp_path_factory.mktemp("server") / "log", allow_private_urls="true")
    yield running
    assert running.stop() == 0, running.log[-5000:]
