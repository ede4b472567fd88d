"""A voice as a vector, and where the networks' files are: known without loading them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MODELS = Path(__file__).parent / "models"
EMBEDDING_SIZE = 192

Embedding = NDArray[np.float32]
"""A voice as the network gives it, shape (EMBEDDING_SIZE,), neither centred nor of unit norm."""
