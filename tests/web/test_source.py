"""The playground's source: types, lint, unit tests, and that the shipped files are its build."""

import subprocess
from pathlib import Path

import pytest

from contract.sdk import ROOT

pytestmark = pytest.mark.needs("node", "web-modules")

WEB = ROOT / "web"
SHIPPED = ROOT / "src" / "auricle" / "server" / "playground"


def npm(*arguments: str) -> None:
    """Run a script of package.json; what it prints is the failure."""
    ended = subprocess.run(
        ["npm", "run", "--silent", *arguments],
        cwd=WEB,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("script", ["check", "test"])
def test_source(script: str) -> None:
    npm(script)


def test_what_is_shipped_is_what_the_source_builds(tmp_path: Path) -> None:
    npm("build", "--", "--outDir", str(tmp_path / "built"))
    built = files(tmp_path / "built")
    assert built.keys() == files(SHIPPED).keys(), "run `make web`"
    assert built == files(SHIPPED), "run `make web`"
