"""An array where it lies in a mapped file, read as float32 when it is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class StoredPart:
    """Values as stored: float32, float16, bfloat16 (as uint16), or int8 with a scale a row."""

    values: NDArray[Any]
    scale: NDArray[np.float32] | None = None
    """What the values of a row were multiplied with before they were rounded to int8."""

    def read(self, rows: slice | Sequence[int]) -> NDArray[np.float32]:
        """The rows as float32."""
        values = self.values[rows]
        if values.dtype == np.uint16:
            return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
        plain = values.astype(np.float32)
        return plain if self.scale is None else plain / self.scale[rows].reshape(-1, 1)


@dataclass(frozen=True, slots=True)
class StoredArray:
    """One array, or several stacked by rows."""

    parts: tuple[StoredPart, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole."""
        n_rows = sum(len(part.values) for part in self.parts)
        return (n_rows, *self.parts[0].values.shape[1:])

    def read(self) -> NDArray[np.float32]:
        """All of it, copied out of the file."""
        everything = [part.read(slice(None)) for part in self.parts]
        return everything[0] if len(everything) == 1 else np.concatenate(everything)

    def rows(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Some rows of an array that is stored in one piece."""
        (part,) = self.parts
        return part.read(indices)
