"""The parent's side of one decoder process."""

import asyncio
from pathlib import Path
from typing import Any

from auricle.frames import Frame, FrameError
from auricle.frontend.blocks import ChildLost, described
from auricle.processes import Link

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
"""How long a child may take to drop a recording whose reader left, before it is killed."""
MAX_GROWTH_BYTES = 128 << 20


class Worker:
    """A running child and its use so far. Owner: the pool while idle, else one `read`."""

    def __init__(self, link: Link, max_recordings: int) -> None:
        self._link = link
        self._max_recordings = max_recordings
        self._receiving: asyncio.Task[Frame | None] | None = None
        self._resident_bytes = 0  # at its start
        self._n_recordings = 0
        self.is_idle = False
        """Whether it waits for a recording; the pool's own mark."""
        self.is_worn = False
        """Whether the child should be replaced instead of used again."""

    async def ready(self) -> None:
        """Wait until the child is ready.

        Raises:
            ChildLost: it ended, or is not ready in START_TIMEOUT_S.
        """
        frame = await self.receive(START_TIMEOUT_S)
        resident_bytes = frame.header.get("resident_bytes")
        if not isinstance(resident_bytes, int):
            raise ChildLost("no word of readiness")
        self._resident_bytes = resident_bytes

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._link.pid

    @property
    def is_doomed(self) -> bool:
        """Whether it will end at once, with the process that it is a copy of."""
        return self._link.is_doomed

    async def request(self, key: int, path: Path, limits: dict[str, Any]) -> None:
        """Ask for a recording; its blocks and one last frame follow.

        Raises:
            ChildLost: the child is gone.
        """
        await self._send({"read": key, "path": str(path), "limits": limits})

    async def _send(self, header: dict[str, Any]) -> None:
        try:
            await self._link.send(header)
        except ConnectionError as error:
            raise ChildLost("the process is gone") from error

    def listen(self) -> "asyncio.Task[Frame | None]":
        """The receipt of the next frame, as it goes on; done in an idle child, it has ended."""
        self._receiving = self._receiving or asyncio.create_task(self._link.receive())
        return self._receiving

    async def receive(self, timeout_s: float) -> Frame:
        """The child's next frame. Being cancelled loses none: the next call gets it.

        Raises:
            ChildLost: the child ended, broke the framing, reported a fault of its own, or sent
                nothing for `timeout_s` seconds.
        """
        receiving = self.listen()
        done, _ = await asyncio.wait({receiving}, timeout=timeout_s)
        if not done:
            raise ChildLost(f"nothing came for {timeout_s:g} s")
        self._receiving = None
        try:
            frame = receiving.result()
        except FrameError as error:
            raise ChildLost(str(error)) from error
        if frame is None:
            raise ChildLost("the process ended")
        if "fault" in frame.header:
            raise ChildLost(described(frame.header))
        if "end" in frame.header:
            self._note_use(frame.header.get("resident_bytes"))
        return frame

    def _note_use(self, resident_bytes: object) -> None:
        self._n_recordings += 1
        growth = resident_bytes - self._resident_bytes if isinstance(resident_bytes, int) else 0
        self.is_worn = growth > MAX_GROWTH_BYTES or self._n_recordings >= self._max_recordings

    async def stop(self, key: int) -> bool:
        """Have the child drop a recording in work; whether it did and is free again."""
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._send({"stop": key})
                while "block" in (await self.receive(STOP_TIMEOUT_S)).header:
                    pass
        except (ChildLost, TimeoutError):
            return False
        return not self.is_worn

    async def kill(self) -> None:
        """End the child and reap it. Safe to call again."""
        await self._link.kill()
        if self._receiving:
            self._receiving.cancel()
            await asyncio.gather(self._receiving, return_exceptions=True)
