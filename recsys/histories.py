"""What users and visitors have touched, as item rows: behind a factor, and left out of lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from recsys.errors import InvalidInputError
from recsys.ids import IdMap, Ids
from recsys.interactions import Interactions

Floats: TypeAlias = npt.NDArray[np.float32]
Rows: TypeAlias = npt.NDArray[np.int64]


def history_of(events: Interactions, user_row: int) -> tuple[Rows, Floats]:
    """Item rows and weights of a user's interactions."""
    matrix = events.matrix
    begin, end = matrix.indptr[user_row : user_row + 2]
    rows = np.asarray(matrix.indices[begin:end], np.int64)
    return rows, np.asarray(matrix.data[begin:end], np.float32)


def history_table(events: Interactions, user_row: int) -> pa.Table:
    """A user's interactions, newest first: see :meth:`recsys.Recommender.history`."""
    rows, weights = history_of(events, user_row)
    columns = {"item_id": events.items.take(rows), "weight": pa.array(weights)}
    if events.timestamps is None:
        order = np.argsort(-weights, kind="stable")
    else:
        begin, end = events.matrix.indptr[user_row : user_row + 2]
        times = np.asarray(events.timestamps[begin:end])
        columns["timestamp"] = pa.array(times)
        order = np.argsort(-times, kind="stable")
    return pa.table(columns).take(pa.array(order))


def liked_by_visitor(
    known: IdMap, items: Ids, weights: Sequence[float] | None
) -> tuple[Rows, Floats]:
    """Item rows, each once and ascending, and weights of what a visitor likes.

    Raises
    ------
    UnknownIdError
        An item is not `known`.
    InvalidInputError
        No item, or not one finite weight above 0 for each.
    """
    rows = known.rows(items)
    if not rows.size:
        raise InvalidInputError("no item to fold in; give at least one that the visitor likes")
    try:
        given = np.ones(rows.size) if weights is None else np.asarray(weights, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"weights {weights!r} are no numbers") from error
    if given.shape != rows.shape or not (np.isfinite(given) & (given > 0)).all():
        raise InvalidInputError(
            f"weights must be {rows.size} finite numbers > 0, one for each item; "
            f"found {given.tolist()}"
        )
    unique, place = np.unique(rows, return_inverse=True)
    summed = np.bincount(place, weights=given).astype(np.float32)
    return unique, summed


def checked_user_rows(rows: npt.ArrayLike, users: int) -> Rows:
    """Return `rows` as rows of so many users, or raise :class:`InvalidInputError`."""
    values = np.asarray(rows)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
        raise InvalidInputError(
            f"rows are of type {values.dtype} and shape {values.shape}, expected user rows: "
            "one dimension of whole numbers"
        )
    outside = values[(values < 0) | (values >= users)]
    if outside.size:
        raise InvalidInputError(f"rows hold {outside[0]}, expected user rows from 0 to {users - 1}")
    return values.astype(np.int64)


def widened(matrix: sp.csr_matrix, items: int) -> sp.csr_matrix:
    """Interactions widened by the cold items, so that their columns are item rows."""
    shape = (matrix.shape[0], items)
    return sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=shape, copy=False)


def marked(rows: Sequence[Rows], items: int) -> sp.csr_matrix:
    """A matrix with a line for each of `rows`, ones at the item rows of it."""
    indptr = np.concatenate([[0], np.cumsum([len(line) for line in rows])]).astype(np.int64)
    indices = np.concatenate([*rows, np.empty(0, np.int64)]).astype(np.int32)
    data = np.ones(indices.size, np.float32)
    return sp.csr_matrix((data, indices, indptr), shape=(len(rows), items))
