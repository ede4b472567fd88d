import numpy as np
import pytest

from auricle.diarization.codec import pack, unpack
from unit.diarization.synthetic import analyses

ANALYSES = analyses(((20, 400, 1), (430, 800, 0)), 589 + 222)


def test_analyses_survive() -> None:
    back = list(unpack(b"".join(map(pack, ANALYSES))))
    assert [a.start for a in back] == [a.start for a in ANALYSES]
    for one, other in zip(ANALYSES, back, strict=True):
        np.testing.assert_array_equal(one.sets, other.sets)
        assert len(one.pieces) == len(other.pieces)
        for piece, same in zip(one.pieces, other.pieces, strict=True):
            assert (piece.speaker, piece.start, piece.end) == (same.speaker, same.start, same.end)
            assert piece.clean_s == pytest.approx(same.clean_s)
            np.testing.assert_array_equal(piece.embedding, same.embedding)


@pytest.mark.parametrize("length", [3, 20, 700])
def test_a_part_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        list(unpack(pack(ANALYSES[0])[:length]))


def test_nonsense_is_refused() -> None:
    packed = bytearray(pack(ANALYSES[0]))
    packed[16] = 200  # a set of speakers that there is not
    with pytest.raises(ValueError, match="no such speaker"):
        list(unpack(bytes(packed)))
