"""Items most like an item, by the cosine of their vectors."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys.als.ranking import unit_rows
from recsys.histories import marked
from recsys.retrieval import ExactIndex, Hits
from recsys.retrieval.base import check_count

Floats: TypeAlias = npt.NDArray[np.float32]


def directions(vectors: Floats) -> ExactIndex:
    """An index over rows scaled to length 1, whose products are cosines; zeros stay zero."""
    return ExactIndex(unit_rows(vectors))


def most_like(index: ExactIndex, row: int, n: int) -> Hits:
    """The `n` rows most like `row`, itself left out.

    Raises
    ------
    InvalidInputError
        `n` is no whole number of at least 1.
    """
    own = marked([np.array([row])], index.size)
    n = min(check_count(n), index.size)
    return index.search(index.vectors[row : row + 1], n, exclude=own)
