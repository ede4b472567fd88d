"""`python -m harness.copying_child [MANNER] [FD]`: a process that is copied, and its copies.

Without an argument MANNER is the environment's; without FD the process is a worker itself.

`answers`: a copy says who loaded the process, then sends back what it gets; `short`: too, but the
system refuses the second copy. `ends`: a copy ends at once. `hangs`: a copy says nothing.
`refuses`: the process ends before it could be copied.

`ready`, `silent` and `once` begin as an engine worker does, and a copy then says that it is ready,
or nothing, or the first one does; `alone` is an engine that cannot be copied.
"""

import errno
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable

from auricle.copying import serve_forks
from auricle.engines.protocol import EngineInfo
from auricle.frames import ChildChannel
from auricle.scheduling.messages import Ready, to_header

INFO = EngineInfo("copied", 30.0, ("en",))


def refusing_the_second(fork: Callable[[], int]) -> Callable[[], int]:
    """A system that is short of memory for a moment."""
    calls = itertools.count(1)

    def refusing() -> int:
        if next(calls) == 2:
            raise OSError(errno.ENOMEM, "no memory for a process")
        return fork()

    return refusing


def main() -> None:
    """See the module."""
    *_, control = ("", *sys.argv[1:])
    manner = os.environ.get("MANNER") or sys.argv[1]
    channel = ChildChannel.on_stdio()
    loaded_by = os.getpid()
    if manner == "refuses":
        return
    if manner in {"ready", "once", "silent", "alone"}:
        channel.read()  # what to load
        copies = manner != "alone" and bool(control)
        channel.write(to_header(Ready(info=INFO, copies=copies)))
        if not copies:
            channel.read()
            return
    channel.close()
    if manner == "short":
        os.fork = refusing_the_second(os.fork)
    with tempfile.TemporaryFile() as made:  # its size is known to all copies
        channel = serve_forks(int(control))
        is_first = made.seek(0, os.SEEK_END) == 0
        made.write(b"1")
        made.flush()
    if manner == "once":
        manner = "ready" if is_first else "silent"
    behave(manner, channel, loaded_by)


def behave(manner: str, channel: ChildChannel, loaded_by: int) -> None:
    """A copy, until it is told or killed."""
    if manner in {"answers", "short"}:
        channel.write({"loaded_by": loaded_by, "parent": os.getppid()})
        while frame := channel.read():
            channel.write(frame.header, frame.payload)
    if manner == "ready":
        channel.write(to_header(Ready(info=INFO)))
        channel.read()
    if manner in {"hangs", "silent"}:
        time.sleep(3600)


if __name__ == "__main__":
    main()
