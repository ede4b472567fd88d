"""Threads of OpenVINO's kernels, held back until the process has been copied.

A copy made with fork() has no thread but the one that forked, and TBB, which believes the others
to be asleep, makes no new ones: it would compute with a single thread for ever. It makes its first
when there is work for more than one, so a limit of one until then keeps it from that. The limit is
`tbb::global_control` (oneTBB specification, "Task Scheduler"), whose constructor and destructor are
two functions of the library.
"""

import ctypes
from importlib.util import find_spec
from pathlib import Path

MAX_ALLOWED_PARALLELISM = 0
"""The parameter's number in the library's interface."""
CREATE = "_ZN3tbb6detail2r16createERNS0_2d114global_controlE"
DESTROY = "_ZN3tbb6detail2r17destroyERNS0_2d114global_controlE"


class _GlobalControl(ctypes.Structure):
    _fields_ = (
        ("value", ctypes.c_size_t),
        ("reserved", ctypes.c_ssize_t),
        ("parameter", ctypes.c_int),
    )


_limit = _GlobalControl(1, 0, MAX_ALLOWED_PARALLELISM)


def hold_threads() -> bool:
    """Have the kernels compute in the caller's thread alone; whether that can be had here.

    To be called before anything is compiled.
    """
    library = _library()
    if library is None:
        return False
    getattr(library, CREATE)(ctypes.byref(_limit))
    return True


def release_threads() -> None:
    """Let them have helpers again, in the copy of a process that called `hold_threads`."""
    library = _library()
    assert library is not None
    getattr(library, DESTROY)(ctypes.byref(_limit))


def _library() -> ctypes.CDLL | None:
    """OpenVINO's own TBB; None where it brings none that can be asked."""
    package = find_spec("openvino")
    for folder in (package and package.submodule_search_locations) or ():
        for path in sorted(Path(folder, "libs").glob("libtbb.so.*")):
            library = ctypes.CDLL(str(path))
            if hasattr(library, CREATE):
                return library
    return None
