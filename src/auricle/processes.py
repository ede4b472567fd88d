"""Child processes that talk in frames.

A frame is a JSON header and a raw payload: 4 bytes header length, 4 bytes payload length (both
little-endian), header, payload. JSON and raw bytes, not pickle: a child that was taken over by
a hostile file can send nonsense, but not code. A child reads frames on its standard input and
writes them on what was its standard output; anything a library prints goes to standard error.
End of input tells the child that its parent is gone.
"""

import asyncio
import contextlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 64 << 20
_LENGTHS = struct.Struct("<II")


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
        return cls(reader, writer)

    def _read_exactly(self, n: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < n:
            part = self._reader.read(n - len(parts))
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
        """Send a frame; BrokenPipeError when the parent is gone."""
        frame = Frame(header, payload)
        for part in (frame.encode_head(), payload):
            view = memoryview(part).cast("B")
            while view:
                view = view[self._writer.write(view) :]


class Child:
    """The parent's end: a running child process. Owner: whoever started it, who must `kill` it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101 (started with pipes below)
        assert process.stdout is not None  # noqa: S101
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._write_lock = asyncio.Lock()

    @classmethod
    async def start(
        cls, module: str, *arguments: str, env: Mapping[str, str] | None = None
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
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exited(self) -> bool:
        """Whether the process is known to have ended."""
        return self._process.returncode is not None

    async def send(self, header: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
        """Send a frame, waiting while the pipe is full.

        Raises:
            ConnectionError: the child is gone.
        """
        async with self._write_lock:
            self._stdin.write(Frame(header, payload).encode_head())
            if payload:
                self._stdin.write(payload)
            await self._stdin.drain()

    async def receive(self) -> Frame | None:
        """The next frame, or None when the child has ended (also in the middle of a frame).

        Raises:
            FrameError: the child broke the framing; kill it.
        """
        try:
            head = await self._stdout.readexactly(_LENGTHS.size)
            header_length, payload_length = _parse_lengths(head)
            header = await self._stdout.readexactly(header_length)
            payload = await self._stdout.readexactly(payload_length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return Frame(_parse_header(header), payload)

    async def kill(self) -> int:
        """End the process at once and reap it; returns its exit status. Safe to call again."""
        if self._process.returncode is None:
            # Not Process.kill(): it polls, which steals the exit status from asyncio's watcher.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._stdin.close()
        return await self._process.wait()
