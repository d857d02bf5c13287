"""Rules about single users: pairs of user and item rows, held as sparse matrices."""

from __future__ import annotations

import datetime as dt
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from recsys.errors import InvalidInputError
from recsys.ids import IdMap
from recsys.rules.kinds import AllowFor, DenyFor, NotShown
from recsys.rules.sources import Ledger, column_of, find, note_repeats, table_of

Rows: TypeAlias = npt.NDArray[np.int64]

_DAY = 86_400
# 1973 in milliseconds, 5138 in seconds.
_MOST_SECONDS = 10**11


def read_pairs(
    rule: AllowFor | DenyFor | NotShown, name: str, users: IdMap, items: IdMap, ledger: Ledger
) -> tuple[sp.csr_matrix, npt.NDArray[np.bool_]]:
    """Read the pairs of a rule.

    Returns
    -------
    csr_matrix of int8, shape (n_users, n_items)
        Its stored entries, all 1, are the pairs; indices are sorted.
    bool ndarray, shape (n_users,)
        Which users occur, with or without an item that is known.
    """
    source = rule.impressions if isinstance(rule, NotShown) else rule.pairs
    table = table_of(source, name, {"user_id": users, "item_id": items})
    if isinstance(rule, NotShown):
        table = _recent(table, rule, name)
    user_rows = _rows(column_of(table, "user_id", name), users, name, ledger)
    item_rows = _rows(column_of(table, "item_id", name), items, name, ledger)
    known = (user_rows >= 0) & (item_rows >= 0)
    keys = user_rows[known] * len(items) + item_rows[known]
    distinct = _distinct(keys)
    if not isinstance(rule, NotShown):  # to be shown twice is no slip
        note_repeats(keys.size, distinct.size, name, ledger)
    named = np.zeros(len(users), np.bool_)
    named[user_rows[user_rows >= 0]] = True
    return matrix_of(distinct, len(users), len(items)), named


def matrix_of(keys: Rows, users: int, items: int) -> sp.csr_matrix:
    """Matrix with a 1 at each of the sorted `keys`, user row · items + item row."""
    indptr = np.searchsorted(keys, np.arange(users + 1, dtype=np.int64) * items)
    matrix = sp.csr_matrix(
        (np.ones(keys.size, np.int8), keys % max(items, 1), indptr), shape=(users, items)
    )
    matrix.has_canonical_format = True
    return matrix


def keys_of(matrix: sp.csr_matrix) -> Rows:
    """Stored entries of `matrix` as user row · items + item row."""
    users = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return np.asarray(users * matrix.shape[1] + matrix.indices, np.int64)


def either(first: sp.csr_matrix | None, second: sp.csr_matrix | None) -> sp.csr_matrix | None:
    """Pairs in one of the matrices or in both, as ones."""
    if first is None or second is None:
        return second if first is None else first
    joined = pattern(first) + pattern(second)
    joined.data.fill(1)
    return joined


def pattern(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """`matrix` with ones as values; its indices are shared."""
    if matrix.data.dtype == np.int8:
        return matrix
    ones = np.ones(matrix.nnz, np.int8)
    made = sp.csr_matrix((ones, matrix.indices, matrix.indptr), matrix.shape, copy=False)
    made.has_canonical_format = matrix.has_canonical_format
    return made


def allowed_by_all(
    rules: list[tuple[sp.csr_matrix, npt.NDArray[np.bool_]]], users: int, items: int
) -> tuple[sp.csr_matrix, npt.NDArray[np.bool_]]:
    """What every AllowFor that names a user allows, and which users are named at all."""
    named = np.zeros(users, np.int64)
    for _, who in rules:
        named += who
    every = np.concatenate([keys_of(matrix) for matrix, _ in rules])
    keys, count = np.unique(every, return_counts=True)
    return matrix_of(keys[count == named[keys // max(items, 1)]], users, items), named > 0


def _distinct(keys: Rows) -> Rows:
    """Sorted distinct keys; by sorting, which is ten times as fast as numpy's hash table."""
    keys = np.sort(keys)
    first = np.ones(keys.size, np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    return keys[first]


def _rows(values: pa.Array, known: IdMap, name: str, ledger: Ledger) -> Rows:
    """Rows of ids of which most come many times."""
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.large_string())
    coded = values.dictionary_encode()
    rows = find(coded.dictionary, known, name, ledger)
    return rows[coded.indices.to_numpy()] if len(coded) else rows


def _recent(table: pa.Table, rule: NotShown, name: str) -> pa.Table:
    """The impressions that still count."""
    days = rule.days
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days < np.inf:
        raise InvalidInputError(f"{name}: days is {days!r}, expected a number above 0")
    times = _seconds(column_of(table, "timestamp", name), name)
    if not times.size:
        return table
    now = int(times.max()) if rule.now is None else _now(rule.now, name)
    return table.filter(pa.array(times > now - days * _DAY))


def _now(value: int | dt.datetime, name: str) -> float:
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidInputError(
            f"{name}: now is {value!r}, expected seconds since 1970 or a datetime"
        )
    return int(value)


def _seconds(values: pa.Array, name: str) -> npt.NDArray[np.float64]:
    """Times as seconds since 1970."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(values.type):
        parts = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[values.type.unit]
        return np.asarray(values.cast(pa.int64()).to_numpy() / parts, np.float64)
    if not pa.types.is_integer(values.type):
        raise InvalidInputError(
            f"{name}: column 'timestamp' is of type {values.type}, expected timestamps, or whole "
            "seconds since 1970"
        )
    if len(values) and pc.max(values).as_py() > _MOST_SECONDS:
        raise InvalidInputError(
            f"{name}: column 'timestamp' holds {pc.max(values).as_py()}, which is no number of "
            "seconds since 1970; divide milliseconds by 1000, or store timestamps"
        )
    return np.asarray(values.to_numpy(), np.float64)
