"""Lists under rules: which items each user of a block gets, and why a list is short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.retrieval import Hits
from recsys.rules.prepared import Prepared
from recsys.rules.reasons import FULL, NOTHING_LEFT, REASONS, RULES

if TYPE_CHECKING:
    from recsys.recommender import Recommender

Rows: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Block:
    """Users that are worked on together.

    Attributes
    ----------
    queries : float32 ndarray, shape (q, f)
        Their vectors.
    seen : csr_matrix, shape (q, n_items), or None
        What is left out for each.
    rows : int64 ndarray, shape (q,), or None
        Their user rows; None for visitors.
    """

    queries: Floats
    seen: sp.csr_matrix | None
    rows: Rows | None

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.queries)


def pick(recommender: Recommender, prepared: Prepared, block: Block, n: int) -> Hits:
    """Return at most `n` items for each user of `block`, in the order of their lists."""
    return recommender.index.search(
        block.queries,
        min(n, len(recommender.items)),
        exclude=block.seen,
        allow=prepared.allow,
        deny=prepared.deny,
    )


def reasons(
    recommender: Recommender,
    prepared: Prepared,
    block: Block,
    counts: npt.NDArray[np.int32],
    n: int,
) -> npt.NDArray[np.int8]:
    """Why lists are short.

    Returns
    -------
    int8 ndarray, shape (q,)
        Place in `REASONS` of the first step that left fewer than `n` items; `FULL` for a list
        of `n`.
    """
    codes = np.full(len(block), FULL, np.int8)
    short = np.flatnonzero(counts < n)
    if not short.size:
        return codes
    seen = np.zeros(short.size, np.int64)
    if block.seen is not None:
        seen = np.diff(block.seen.indptr)[short]
    left = len(recommender.items) - seen
    codes[short] = np.where(left < n, REASONS.index(NOTHING_LEFT), REASONS.index(RULES))
    return codes
