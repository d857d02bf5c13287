"""Quotas: which items count for which limits, and how far each user has used them up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from recsys.catalogue import single_values
from recsys.errors import InvalidInputError

Rows: TypeAlias = npt.NDArray[np.int64]

_LARGE = 64


@dataclass(frozen=True)
class Quotas:
    """Limits and what counts for them.

    Attributes
    ----------
    values : csr_matrix of int32, shape (n_items, n_values)
        A 1 for each value that an item counts for.
    items : csr_matrix of int32, shape (n_values, n_items)
        The same by value.
    limits : int64 ndarray, shape (n_values,)
        At most so many items of a list.
    """

    values: sp.csr_matrix
    items: sp.csr_matrix
    limits: Rows

    @property
    def bytes(self) -> int:
        """Memory that it holds."""
        matrices = (self.values, self.items)
        arrays = [part for m in matrices for part in (m.data, m.indices, m.indptr)]
        return int(self.limits.nbytes) + sum(int(array.nbytes) for array in arrays)

    @property
    def large(self) -> npt.NDArray[np.bool_]:
        """Which values have more than one in `_LARGE` of all items: bool, shape (n_values,)."""
        return np.asarray(np.diff(self.items.indptr) * _LARGE > self.items.shape[1])

    @property
    def widest(self) -> int:
        """The most values of one item, at least 1."""
        return max(1, int(np.diff(self.values.indptr).max(initial=0)))

    def contents(self) -> list[tuple[str, npt.NDArray[Any]]]:
        """What decides the lists, for a checksum; values are numbered as they first occur."""
        parts = (self.values.indptr, self.values.indices, self.limits)
        return [("quotas", part.astype("<i8")) for part in parts]


def join_quotas(parts: list[tuple[sp.csr_matrix, int]]) -> Quotas | None:
    """Several columns with their limits as one; None where there is none."""
    if not parts:
        return None
    values = sp.hstack([matrix for matrix, _ in parts], format="csr", dtype=np.int32)
    values.sort_indices()
    limits = [np.full(matrix.shape[1], most, np.int64) for matrix, most in parts]
    items = values.T.tocsr()
    items.sort_indices()
    return Quotas(values, items, np.concatenate(limits))


def values_of(column: pa.ChunkedArray, name: str, separator: str | None = None) -> sp.csr_matrix:
    """Which item has which value of a column: int32 csr_matrix, shape (n_items, n_values).

    `name` is what the rule is called; `separator` as in :func:`recsys.catalogue.single_values`.
    """
    owner, values = single_values(column.combine_chunks(), separator)
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.large_string())
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    try:
        coded = values.dictionary_encode()
    except pa.ArrowException as error:
        raise InvalidInputError(
            f"{name}: the column is of type {values.type}, whose values cannot be told apart; "
            "use a column of text, numbers or lists of them"
        ) from error
    distinct = np.int64(max(len(coded.dictionary), 1))
    pairs = np.unique(owner * distinct + coded.indices.to_numpy())
    shape = (len(column), len(coded.dictionary))
    ones = np.ones(pairs.size, np.int32)
    return sp.csr_matrix((ones, (pairs // distinct, pairs % distinct)), shape=shape)


class Slots:
    """Counters of a few users: one for each value that their items can count for.

    Parameters
    ----------
    quotas : Quotas
        The limits.
    listed, fetched : int ndarray, shapes (q, n) and (q, k)
        Item rows that each user's list holds already, and those to choose from; −1 for none.

    Attributes
    ----------
    of : int64 ndarray, shape (q, k, widest)
        Which counters each fetched item would raise; the last counter, which has no limit, stands
        for none.
    """

    def __init__(
        self, quotas: Quotas, listed: npt.NDArray[np.int32], fetched: npt.NDArray[np.int32]
    ) -> None:
        self.n_values = len(quotas.limits)
        items = np.concatenate([listed, fetched], axis=1)
        owner, place = np.nonzero(items >= 0)
        rows = items[owner, place]
        begin = quotas.values.indptr[rows].astype(np.int64)
        length = quotas.values.indptr[rows + 1] - begin
        within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
        values = quotas.values.indices[np.repeat(begin, length) + within]
        keys = np.repeat(owner, length) * np.int64(self.n_values) + values
        self.keys, slot = np.unique(keys, return_inverse=True)
        of = np.full((*items.shape, quotas.widest), self.keys.size, np.int64)
        of[np.repeat(owner, length), np.repeat(place, length), within] = slot
        self.of = of[:, listed.shape[1] :]
        self.limits = np.append(quotas.limits[self.keys % max(self.n_values, 1)], 2**62)
        self.used = np.bincount(of[:, : listed.shape[1]].ravel(), minlength=self.keys.size + 1)

    def admit(self, users: Rows, places: Rows | int) -> npt.NDArray[np.bool_]:
        """Whether each user may still take the item at its place."""
        slots = self.of[users, places]
        return np.asarray((self.used[slots] < self.limits[slots]).all(axis=-1))

    def take(self, users: Rows, places: Rows | int) -> None:
        """Count the items; `users` are distinct."""
        self.used[self.of[users, places]] += 1

    def full(self) -> tuple[Rows, Rows]:
        """Users and values whose limit is reached."""
        keys = self.keys[self.used[:-1] >= self.limits[:-1]]
        return keys // max(self.n_values, 1), keys % max(self.n_values, 1)
