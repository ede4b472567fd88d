"""Child processes that talk in frames (`auricle.frames`): the parent's end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from auricle.frames import LENGTHS, Frame, parse_header, parse_lengths


class Link(ABC):
    """The parent's end of a channel: frames to and from one process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._write_lock = asyncio.Lock()

    @property
    @abstractmethod
    def pid(self) -> int:
        """Process id."""

    @property
    def is_doomed(self) -> bool:
        """Whether it is known that the process will end at once, if it has not yet."""
        return False

    async def send(self, header: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
        """Send a frame, waiting while the other side does not read.

        Raises:
            ConnectionError: the process is gone.
        """
        async with self._write_lock:
            self._writer.write(Frame(header, payload).encode_head())
            if payload:
                self._writer.write(payload)
            await self._writer.drain()

    async def receive(self) -> Frame | None:
        """The next frame, or None when the process has ended (also in the middle of a frame).

        Raises:
            FrameError: it broke the framing; kill it.
        """
        try:
            head = await self._reader.readexactly(LENGTHS.size)
            header_length, payload_length = parse_lengths(head)
            header = await self._reader.readexactly(header_length)
            payload = await self._reader.readexactly(payload_length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return Frame(parse_header(header), payload)

    @abstractmethod
    async def kill(self) -> None:
        """End the process at once. Safe to call again."""


class Child(Link):
    """A running child process. Owner: whoever started it, who must `kill` it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101 (started with pipes below)
        assert process.stdout is not None  # noqa: S101
        super().__init__(process.stdout, process.stdin)
        self._process = process

    @classmethod
    async def start(
        cls,
        module: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> "Child":
        """Run `python -m module arguments…` with pipes for frames; standard error is ours."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            limit=1 << 20,
            start_new_session=True,  # Ctrl-C reaches the server alone, which then drains
            pass_fds=pass_fds,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Exit status; None while the process is not known to have ended."""
        return self._process.returncode

    async def wait(self) -> None:
        """Wait until the process has ended."""
        await self._process.wait()

    async def kill(self) -> None:
        """End the process and its children at once and reap it. Safe to call again."""
        if self._process.returncode is None:
            # Not Process.kill(): it polls, which steals the exit status from asyncio's watcher.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._writer.close()
        await self._process.wait()
