"""What rules come to for one model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.errors import InvalidInputError

Rows: TypeAlias = npt.NDArray[np.int64]

# Of one pair that is left out for a user: sliced, joined with others, and the kernel's own column.
_PAIR_BYTES = 32
# Of one item that a user is confined to: sliced, in the union, in the line of the mask.
_ONLY_BYTES = 96


@dataclass(frozen=True)
class Prepared:
    """Rules made ready for a model: see :func:`recsys.rules.prepare`. It can be pickled.

    Attributes
    ----------
    count : int
        Number of rules.
    n_items : int
        Items of the model.
    allow, deny : int64 ndarray or None
        Sorted item rows that every Allow and Where admits, and that some Deny names; None where
        there is no such rule.
    denied, shown, only : csr_matrix of int8, shape (n_users, n_items), or None
        Pairs that DenyFor forbids, that were shown lately, and to which AllowFor confines users
        (without what is closed to everyone).
    confined : bool ndarray, shape (n_users,), or None
        Which users some AllowFor names.
    notes : tuple of str
        What people should know.
    report : dict
        The same as values that JSON can hold: ``unknown`` (for each rule and kind of id: rule,
        kind, count and the first hundred), ``contradictions`` (rules, and how many users they
        leave with nothing; null stands for everyone).
    """

    count: int = 0
    n_items: int = 0
    allow: Rows | None = None
    deny: Rows | None = None
    denied: sp.csr_matrix | None = None
    shown: sp.csr_matrix | None = None
    only: sp.csr_matrix | None = None
    confined: npt.NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Hex digest of what the rules come to; their wording and order do not matter."""
        digest = hashlib.sha256()
        for name, values in self._contents():
            digest.update(f"{name}:{values.dtype.str}:{values.size};".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    @property
    def bytes(self) -> int:
        """Memory that it holds."""
        arrays = [rows for rows in (self.allow, self.deny, self.confined) if rows is not None]
        for matrix in (self.denied, self.shown, self.only):
            if matrix is not None:
                arrays += [matrix.data, matrix.indices, matrix.indptr]
        return sum(array.nbytes for array in arrays)

    @property
    def personal(self) -> bool:
        """Whether some rule is about single users."""
        return any(matrix is not None for matrix in (self.denied, self.shown, self.only))

    def check_visitors(self) -> None:
        """Refuse rules about single users, where there are none.

        Raises
        ------
        InvalidInputError
            There is an AllowFor, DenyFor or NotShown.
        """
        if self.personal:
            raise InvalidInputError(
                "AllowFor, DenyFor and NotShown are about known users; vectors and visitors have "
                "none: leave these rules out, or use recommend"
            )

    def open_items(self) -> npt.NDArray[np.bool_]:
        """Which items are open to everyone: bool array, shape (n_items,)."""
        mask = np.full(self.n_items, self.allow is None)
        if self.allow is not None:
            mask[self.allow] = True
        if self.deny is not None:
            mask[self.deny] = False
        return mask

    def row_bytes(self, rows: Rows) -> Rows:
        """Extra memory of each of the user `rows` while its block is worked on: int64 array."""
        costs = np.zeros(len(rows), np.int64)
        for matrix, each in (
            (self.denied, _PAIR_BYTES),
            (self.shown, _PAIR_BYTES),
            (self.only, _ONLY_BYTES),
        ):
            if matrix is not None:
                costs += each * (matrix.indptr[rows + 1] - matrix.indptr[rows]).astype(np.int64)
        return costs

    def _contents(self) -> list[tuple[str, npt.NDArray[Any]]]:
        """What decides the lists, under names, in types that do not depend on the machine."""
        found: list[tuple[str, npt.NDArray[Any]]] = []
        if self.allow is not None or self.deny is not None:
            found.append(("closed", np.flatnonzero(~self.open_items()).astype("<i8")))
        for name in ("denied", "shown", "only"):
            matrix = getattr(self, name)
            if matrix is not None:
                found.append((name, matrix.indptr.astype("<i8")))
                found.append((name, matrix.indices.astype("<i8")))
        if self.confined is not None:
            found.append(("confined", np.flatnonzero(self.confined).astype("<i8")))
        return found
