"""How keys and values lie in the pages of paged attention.

A page tensor is (n_pages, n_heads, PAGE_SIZE, size): `size` is HEAD_SIZE values, or, as uint8,
SCALE_BYTES with scale and zero point (float32) and HEAD_SIZE bytes.
"""

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from auricle.engines.whisper.graphs.paged_attention import PAGE_SIZE, SCALE_BYTES


def n_pages_of(n_positions: int) -> int:
    """Pages that hold so many positions."""
    return -(-n_positions // PAGE_SIZE)


def bits_of(cache: ov.Tensor) -> NDArray[np.generic]:
    """The cache as an array; bf16, which NumPy lacks, as its 16 bits."""
    data: NDArray[np.generic] = cache.data
    return data.view(np.uint16) if cache.element_type == ov.Type.bf16 else data


def same_bits(values: NDArray[np.generic], stored: NDArray[np.generic]) -> NDArray[np.generic]:
    """Float32 values in the type of a cache: bf16 is the upper half, rounded to even."""
    if stored.dtype != np.uint16:
        return values
    whole = np.ascontiguousarray(values).view(np.uint32)
    rounded = whole + np.uint32(0x7FFF) + ((whole >> np.uint32(16)) & np.uint32(1))
    return (rounded >> np.uint32(16)).astype(np.uint16)


def from_pages(cache: ov.Tensor, pages: list[int], n_positions: int) -> NDArray[np.float32]:
    """The first positions of pages as float32, (n, n_heads, HEAD_SIZE)."""
    rows = bits_of(cache)[pages].swapaxes(1, 2)
    rows = rows.reshape(-1, *rows.shape[2:])[:n_positions]
    if rows.dtype == np.uint8:
        scale = np.ascontiguousarray(rows[..., :SCALE_BYTES]).view(np.float32)
        levels = rows[..., SCALE_BYTES:].astype(np.float32)
        return (levels - scale[..., 1:]) * scale[..., :1]
    if rows.dtype == np.uint16:
        return (rows.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return rows.astype(np.float32)


def to_pages(stored: NDArray[np.generic], pages: list[int], values: NDArray[np.generic]) -> None:
    """Write (n, n_heads, size) into pages (n_pages, n_heads, PAGE_SIZE, size)."""
    n_whole = len(values) // PAGE_SIZE
    whole = values[: n_whole * PAGE_SIZE]
    split = whole.reshape(n_whole, PAGE_SIZE, *values.shape[1:])
    stored[pages[:n_whole]] = split.swapaxes(1, 2)
    rest = values[n_whole * PAGE_SIZE :]
    if len(rest):
        stored[pages[n_whole], :, : len(rest)] = rest.swapaxes(0, 1)
