"""`python -m harness.copying_child [MANNER] [FD]`: a process that is copied, and its copies.

Without an argument MANNER is the environment's; without FD the process is a worker itself.

`answers`: a copy says who loaded the process, then sends back what it gets. `ends`: a copy ends at
once. `hangs`: a copy says nothing. `refuses`: the process ends before it could be copied. `ready`,
`silent` and `once` begin as an engine worker does, and a copy then says that it is ready, or
nothing, or the first one does; `alone` is an engine that cannot be copied.
"""

import os
import sys
import tempfile
import time

from auricle.engines.protocol import EngineInfo
from auricle.forking import serve_forks
from auricle.processes import ChildChannel
from auricle.scheduling.messages import Ready, to_header

INFO = EngineInfo("copied", 30.0, ("en",))


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
    with tempfile.TemporaryFile() as made:  # its size is known to all copies
        channel = serve_forks(int(control))
        is_first = made.seek(0, os.SEEK_END) == 0
        made.write(b"1")
        made.flush()
    if manner == "ends":
        return
    if manner == "answers":
        channel.write({"loaded_by": loaded_by, "parent": os.getppid()})
        while frame := channel.read():
            channel.write(frame.header, frame.payload)
    if manner == "once":
        manner = "ready" if is_first else "silent"
    if manner == "ready":
        channel.write(to_header(Ready(info=INFO)))
        channel.read()
    if manner in {"hangs", "silent"}:
        time.sleep(3600)


if __name__ == "__main__":
    main()
