"""Window analyses as bytes, for the way between processes and for keeping hours of them."""

from collections.abc import Iterable

import numpy as np

from auricle.diarization.embedding import EMBEDDING_SIZE
from auricle.diarization.windows import LOCAL_SPEAKERS, N_LOCAL, Piece, WindowAnalysis

_HEAD = np.dtype([("start", "<i8"), ("n_frames", "<u4"), ("n_pieces", "<u4")])
_PIECE = np.dtype(
    [
        ("speaker", "u1"),
        ("start", "<u2"),
        ("end", "<u2"),
        ("clean_s", "<f4"),
        ("embedding", "<f4", (EMBEDDING_SIZE,)),
    ]
)


def pack(analysis: WindowAnalysis) -> bytes:
    """One analysis; several in a row are read back with `unpack`."""
    head = np.array((analysis.start, len(analysis.sets), len(analysis.pieces)), _HEAD)
    pieces = np.array(
        [(p.speaker, p.start, p.end, p.clean_s, p.embedding) for p in analysis.pieces], _PIECE
    )
    return head.tobytes() + analysis.sets.tobytes() + pieces.tobytes()


def unpack(data: bytes | memoryview) -> Iterable[WindowAnalysis]:
    """The analyses in these bytes.

    Raises:
        ValueError: they are no analyses.
    """
    view = memoryview(data)
    while view:
        head = np.frombuffer(view[: _HEAD.itemsize], _HEAD)[0]
        view = view[_HEAD.itemsize :]
        n_frames, n_bytes = int(head["n_frames"]), int(head["n_pieces"]) * _PIECE.itemsize
        if len(view) < n_frames + n_bytes:
            raise ValueError("an analysis is cut off")
        sets = np.frombuffer(view[:n_frames], np.uint8)
        rows = np.frombuffer(view[n_frames : n_frames + n_bytes], _PIECE)
        view = view[n_frames + n_bytes :]
        if sets.max(initial=0) >= len(LOCAL_SPEAKERS) or rows["speaker"].max(initial=0) >= N_LOCAL:
            raise ValueError("an analysis knows no such speaker")
        pieces = tuple(
            Piece(
                int(row["speaker"]),
                int(row["start"]),
                int(row["end"]),
                float(row["clean_s"]),
                row["embedding"],
            )
            for row in rows
        )
        yield WindowAnalysis(int(head["start"]), sets, pieces)
