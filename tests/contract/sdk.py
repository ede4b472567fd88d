"""The official SDKs, each in its own environment, behind one Python interface.

A driver process makes the calls (`python_driver.py`, `node/driver.mjs`), so that what arrives at
the server is what the SDK really sends, and what the test sees is what its caller gets.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.server import KEY

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = ROOT / ".venvs"
NODE_MODULES = HERE / "node" / "node_modules"


def python_of(version: str) -> str:
    """The interpreter whose `mistralai` has that major version; 3.x is in our own environment."""
    if version == "3":
        return sys.executable
    return str(ENVIRONMENTS / f"mistralai-{version}" / "bin" / "python")


@dataclass(frozen=True, slots=True)
class SdkKind:
    """An SDK and the way to call it; `tools` is what it needs, for the marker `needs`."""

    name: str
    command: tuple[str, ...]
    style: str
    tools: tuple[str, ...]


def _python(version: str, style: str) -> SdkKind:
    tools = () if version == "3" else (f"mistralai-{version}",)
    command = (python_of(version), str(HERE / "python_driver.py"))
    return SdkKind(f"python-{version}-{style}", command, style, tools)


KINDS = (
    *(_python(version, style) for version in "321" for style in ("sync", "async")),
    SdkKind(
        "typescript", ("node", str(HERE / "node" / "driver.mjs")), "async", ("node", "node-sdk")
    ),
)


class SdkError(Exception):
    """What the SDK raised; `status` and `body` are None where it was no HTTP error."""

    def __init__(self, name: str, message: str, status: int | None, body: str | None) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.status = status
        self.body = body

    @property
    def content(self) -> dict[str, Any]:
        """The body as JSON."""
        content: dict[str, Any] = json.loads(self.body or "")
        return content


class Driver:
    """A driver process. Owner: the fixture that made it."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._process = self._start()
        self._is_answering = False

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, question: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The lines that answer one line; the last has a `result` or an `error`."""
        if self._is_answering:  # a test gave up in the middle; its lines are not ours
            self.close()
            self._process = self._start()
        self._is_answering = True
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            self._is_answering = "event" in answer
            yield answer
            if not self._is_answering:
                return
        raise AssertionError(f"the driver ended with status {self._process.wait()}")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


class Sdk:
    """One SDK in one style, bound to a server."""

    def __init__(self, driver: Driver, style: str, url: str) -> None:
        self._driver = driver
        self._style = style
        self._url = url

    def complete(self, *, key: str = KEY, **fields: Any) -> Any:
        """`audio.transcriptions.complete`; fields and answer spelled as in Python.

        Raises:
            SdkError: what the SDK raised.
        """
        return self._last("complete", key, fields)

    def stream(self, *, key: str = KEY, **fields: Any) -> Iterator[dict[str, Any]]:
        """`audio.transcriptions.stream`: the events, `{"event", "data"}`, as they arrive.

        Raises:
            SdkError: what the SDK raised, before the first event or later.
        """
        for line in self._ask("stream", key, fields):
            if "event" in line:
                yield line["event"]

    def models(self) -> Any:
        """`models.list`."""
        return self._last("models", KEY, {})

    def model(self, model_id: str) -> Any:
        """`models.retrieve`.

        Raises:
            SdkError: what the SDK raised.
        """
        return self._last("model", KEY, {"model_id": model_id})

    def _last(self, call: str, key: str, fields: dict[str, Any]) -> Any:
        *_, line = self._ask(call, key, fields)
        return line["result"]

    def _ask(self, call: str, key: str, fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
        question = {
            "call": call,
            "style": self._style,
            "url": self._url,
            "key": key,
            "arguments": fields,
        }
        for line in self._driver.ask(question):
            if "error" in line:
                raise SdkError(**line["error"])
            yield line


def upload(path: Path, name: str | None = None) -> dict[str, str]:
    """The `file` of a call."""
    return {"path": str(path), "name": name or path.name}
