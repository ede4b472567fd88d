"""Memory that a compiled library divides into what it works in."""

import numpy as np

_ALIGNED = 64


class AlignedMemory:
    """So many bytes, whose address is a multiple of 64; touched only where they are used."""

    def __init__(self, n_bytes: int) -> None:
        """Set it aside."""
        self._memory = np.empty(n_bytes + _ALIGNED, np.uint8)
        self.address = -(-self._memory.ctypes.data // _ALIGNED) * _ALIGNED
