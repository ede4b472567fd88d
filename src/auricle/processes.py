"""Child processes that talk in frames.

A frame is a JSON header and a raw payload: 4 bytes header length, 4 bytes payload length (both
little-endian), header, payload. JSON and raw bytes, not pickle: a child that was taken over by
a hostile file can send nonsense, but not code. A child reads frames on its standard input and
writes them on what was its standard output; anything a library prints goes to standard error.
End of input tells the child that its parent is gone.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import select
import signal
import struct
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 64 << 20
_LENGTHS = struct.Struct("<II")


PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel end this process with its parent, however busy it is (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it went before the call above
        sys.exit(1)


class FrameError(Exception):
    """The other side broke the framing, or sent a frame over the limit."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A header of plain JSON values and a payload of bytes."""

    header: Mapping[str, Any]
    payload: bytes | memoryview = field(default=b"", repr=False)

    def encode_head(self) -> bytes:
        """Lengths and header; the payload follows as it is, without a copy."""
        header = json.dumps(self.header, separators=(",", ":")).encode()
        return _LENGTHS.pack(len(header), len(self.payload)) + header


def _parse_lengths(head: bytes) -> tuple[int, int]:
    header_length, payload_length = _LENGTHS.unpack(head)
    if header_length > MAX_HEADER_BYTES or payload_length > MAX_PAYLOAD_BYTES:
        msg = f"frame of {header_length} + {payload_length} bytes is over the limit"
        raise FrameError(msg)
    return header_length, payload_length


def _parse_header(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw)
    except ValueError as error:
        raise FrameError("frame header is not JSON") from error
    if not isinstance(header, dict):
        raise FrameError("frame header is not an object")
    return header


class ChildChannel:
    """The child's end: blocking reads and writes of frames."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    def on_stdio(cls) -> "ChildChannel":
        """Claim standard input and output; later prints go to standard error."""
        writer = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        reader = os.fdopen(os.dup(0), "rb", buffering=0)
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        return cls(reader, writer)

    @classmethod
    def on_socket(cls, fd: int) -> "ChildChannel":
        """Over a connected socket, which is the channel's own from now on."""
        return cls(os.fdopen(os.dup(fd), "rb", buffering=0), os.fdopen(fd, "wb", buffering=0))

    def close(self) -> None:
        """Let go of both ends."""
        self._reader.close()
        self._writer.close()

    def _read_exactly(self, n: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < n:
            try:
                part = self._reader.read(n - len(parts))
            except ConnectionError:  # a socket whose other end left unread frames behind
                return None
            if not part:
                return None
            parts += part
        return bytes(parts)

    def read(self) -> Frame | None:
        """The next frame, or None when the parent is gone."""
        head = self._read_exactly(_LENGTHS.size)
        if head is None:
            return None
        header_length, payload_length = _parse_lengths(head)
        header = self._read_exactly(header_length)
        payload = self._read_exactly(payload_length)
        if header is None or payload is None:
            return None
        return Frame(_parse_header(header), payload)

    @property
    def has_input(self) -> bool:
        """Whether `read` would return at once: a frame has come, or the parent is gone."""
        return bool(select.select([self._reader], [], [], 0)[0])

    def write(self, header: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
        """Send a frame; ConnectionError when the parent is gone."""
        frame = Frame(header, payload)
        for part in (frame.encode_head(), payload):
            view = memoryview(part).cast("B")
            while view:
                view = view[self._writer.write(view) :]


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
            head = await self._reader.readexactly(_LENGTHS.size)
            header_length, payload_length = _parse_lengths(head)
            header = await self._reader.readexactly(header_length)
            payload = await self._reader.readexactly(payload_length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return Frame(_parse_header(header), payload)

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
