"""pip in a process that does not outlive its parent: end of input ends it.

A killed parent cannot stop its children; without this an orphaned pip would go on writing
into a folder that the next process believes to be its own.
"""

import os
import runpy
import sys
import threading

PARENT_GONE = 75


def _follow_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(PARENT_GONE)


def main() -> None:
    """Run pip with this process's arguments."""
    threading.Thread(target=_follow_parent, name="parent", daemon=True).start()
    sys.argv[0] = "pip"
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
