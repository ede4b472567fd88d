"""Whether a process is still there is seen before its parent has taken note of its end."""

import os
import subprocess
import sys

import pytest

from auricle.process_tree import is_exiting
from harness.watching import eventually

if sys.platform != "linux":
    pytest.skip("there is no /proc", allow_module_level=True)


async def test_a_process_that_nobody_has_reaped_yet_is_on_its_way_out() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    try:
        assert not is_exiting(child.pid)
        assert child.stdin is not None
        child.stdin.close()
        await eventually(lambda: is_exiting(child.pid), "its input's end ends it")
    finally:
        child.wait()
    assert not is_exiting(child.pid)  # it is not known any more: whoever reaped it knows


def test_this_process_goes_on() -> None:
    assert not is_exiting(os.getpid())
