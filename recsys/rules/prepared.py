"""What rules come to for one model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.errors import InvalidInputError
from recsys.retrieval import ExactIndex
from recsys.rules.kinds import Diversify
from recsys.rules.quotas import Quotas

Rows: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]

# Of one pair that is left out for a user: sliced, joined with others, and the kernel's own column.
_PAIR_BYTES = 32
# Of one item that a user is confined to: sliced, in the union, in the line of the mask.
_ONLY_BYTES = 96
# Of one item that is fetched to choose from: id and score, found and sliced, and masks.
_FETCHED_BYTES = 40
# Of one value of such an item: user, key, place among the distinct keys, twice while sorted.
_SLOT_BYTES = 56
# Masks, vectors and exclusions of users that are worked on a few at a time.
_FIXED_BYTES = 96 * 1024**2


@dataclass(frozen=True)
class Prepared:
    """Rules made ready for a model: see :func:`recsys.rules.prepare`. It can be pickled.

    Attributes
    ----------
    count : int
        Number of rules.
    n_users, n_items, factors : int
        Users and items of the model, and the length of their vectors.
    allow, deny : int64 ndarray or None
        Sorted item rows that every Allow and Where admits, and that some Deny names; None where
        there is no such rule.
    denied, shown, only : csr_matrix of int8, shape (n_users, n_items), or None
        Pairs that DenyFor forbids, that were shown lately, and to which AllowFor confines users
        (without what is closed to everyone).
    confined : bool ndarray, shape (n_users,), or None
        Which users some AllowFor names.
    minimum : float or None
        Least score.
    scale, add : float32 ndarray, shape (n_items,), or None
        What boosts make of a score: scale · score + add.
    quotas : Quotas or None
        Which items count for which limits.
    diversify : Diversify or None
        How lists are reordered.
    notes : tuple of str
        What people should know.
    report : dict
        The same as values that JSON can hold: ``unknown`` (for each rule and kind of id: rule,
        kind, count and the first hundred), ``contradictions`` (rules, and how many users they
        leave with nothing; null stands for everyone).
    """

    count: int = 0
    n_users: int = 0
    n_items: int = 0
    factors: int = 0
    allow: Rows | None = None
    deny: Rows | None = None
    denied: sp.csr_matrix | None = None
    shown: sp.csr_matrix | None = None
    only: sp.csr_matrix | None = None
    confined: npt.NDArray[np.bool_] | None = None
    minimum: float | None = None
    scale: Floats | None = None
    add: Floats | None = None
    quotas: Quotas | None = None
    diversify: Diversify | None = None
    notes: tuple[str, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
    _boosted: list[tuple[Floats, ExactIndex]] = field(
        default_factory=list, repr=False, compare=False
    )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be made again."""
        return {**self.__dict__, "_boosted": []}

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
        held = sum(array.nbytes for array in arrays)
        if self.quotas is not None:
            held += self.quotas.bytes
        if self.boosts:  # vectors in float32, and as whole numbers for the search
            held += self.n_items * (6 * (self.factors + 1) + 24)
        return held

    @property
    def work_bytes(self) -> int:
        """Memory that is needed however few users are worked on at a time."""
        later = self.quotas is not None or self.only is not None or self.diversify is not None
        return _FIXED_BYTES if later else 0

    @property
    def boosts(self) -> bool:
        """Whether some item's score is changed."""
        return self.scale is not None or self.add is not None

    def boosted_index(self, item_factors: Floats) -> ExactIndex:
        """Index over the item vectors as boosts make them, one factor longer; made once.

        A query needs a 1 as its last factor.
        """
        if not self._boosted or self._boosted[0][0] is not item_factors:
            vectors = np.empty((self.n_items, item_factors.shape[1] + 1), np.float32)
            vectors[:, :-1] = item_factors
            if self.scale is not None:
                vectors[:, :-1] *= self.scale[:, None]
            vectors[:, -1] = 0 if self.add is None else self.add
            self._boosted[:] = [(item_factors, ExactIndex(vectors))]
        return self._boosted[0][1]

    @property
    def personal(self) -> bool:
        """Whether some rule is about single users."""
        return any(matrix is not None for matrix in (self.denied, self.shown, self.only))

    def check_model(self, users: int, items: int) -> None:
        """Refuse a model of another size than the rules were prepared for.

        Raises
        ------
        InvalidInputError
            It has not these numbers of users and items.
        """
        if (users, items) != (self.n_users, self.n_items):
            raise InvalidInputError(
                f"the rules were prepared for a model of {self.n_users:,} users and "
                f"{self.n_items:,} items, this one has {users:,} and {items:,}; prepare them again"
            )

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

    def row_bytes(self, rows: Rows, n: int = 20) -> Rows:
        """Extra memory of users while their block is worked on.

        Parameters
        ----------
        rows : int64 ndarray, shape (q,)
            User rows.
        n : int
            Items wanted for each.

        Returns
        -------
        int64 ndarray, shape (q,)
            Bytes.
        """
        fetched = self.depth(n) if self.quotas is not None or self.diversify is not None else 0
        each = 0 if self.quotas is None else _SLOT_BYTES * self.quotas.widest
        costs = np.full(len(rows), fetched * (_FETCHED_BYTES + each), np.int64)
        if self.boosts:
            costs += 8 * (self.factors + 1)
        for matrix, each in (
            (self.denied, _PAIR_BYTES),
            (self.shown, _PAIR_BYTES),
            (self.only, _ONLY_BYTES),
        ):
            if matrix is not None:
                costs += each * (matrix.indptr[rows + 1] - matrix.indptr[rows]).astype(np.int64)
        return costs

    def depth(self, n: int) -> int:
        """How many items are fetched at first for lists of `n`."""
        if self.diversify is not None:
            n = max(self.diversify.pool, n)
        elif self.quotas is not None:
            n = 2 * n
        return min(n, self.n_items)

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
        for name in ("scale", "add"):
            values = getattr(self, name)
            if values is not None:
                found.append((name, values.astype("<f4")))
        if self.minimum is not None:
            found.append(("minimum", np.array([self.minimum], "<f8")))
        if self.diversify is not None:
            rule = self.diversify
            numbers = np.array([rule.weight, rule.pool], "<f8")
            found.append((f"diversify by {rule.by}", numbers))
        return found if self.quotas is None else found + self.quotas.contents()
