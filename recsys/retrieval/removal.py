"""Rows that are gone but keep their numbers: what every index does about removed items."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recsys.retrieval.base import check_rows

Rows = NDArray[np.int64]


class Removable(ABC):
    """The rows of an index that are never returned again.

    Row numbers are positions in the matrix of item factors, which other things hold as well (ids,
    seen items). So they never change: a removed row stays where it is and is left out of every
    search, an added row comes after the last one, and the number of a removed row is not given
    to another item.
    """

    _removed: Rows = np.empty(0, dtype=np.int64)

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of item rows, removed ones included."""

    @property
    def removed(self) -> Rows:
        """Removed rows, ascending: int64."""
        return self._removed

    def remove(self, rows: ArrayLike) -> None:
        """Leave `rows` out of every search from now on.

        Parameters
        ----------
        rows : array-like of int
            Item rows. Duplicates, order and rows removed before do not matter.

        Raises
        ------
        InvalidInputError
            Not whole numbers within ``[0, size)``; nothing is removed then.
        """
        self._removed = np.union1d(self._removed, check_rows(rows, self.size, "rows"))

    def _denied(self, deny: ArrayLike | None) -> ArrayLike | None:
        """Return `deny` with the removed rows."""
        if len(self._removed) == 0:
            return deny
        if deny is None:
            return self._removed
        return np.concatenate([check_rows(deny, self.size, "deny"), self._removed])
