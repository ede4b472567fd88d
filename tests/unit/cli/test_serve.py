"""`auricle serve` before it serves: the engine's process is begun while settings are read."""

import os

import pytest

from auricle.cli import EXIT_USAGE, main
from harness.processes import ENGINE_WORKER, loaders

pytestmark = pytest.mark.needs("procfs")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--port", "many"], "port"),
        (["--host", "0.0.0.0"], "0.0.0.0"),
    ],
)
def test_wrong_settings_leave_no_process(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *flags]) == EXIT_USAGE
    assert said in capsys.readouterr().err
    assert not loaders(os.getpid(), ENGINE_WORKER)


def test_wrong_usage_leaves_no_process(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--no-such-flag"])
    assert "--no-such-flag" in capsys.readouterr().err
    assert not loaders(os.getpid(), ENGINE_WORKER)
