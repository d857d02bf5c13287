"""Interactions: the one border between outside ids and internal rows.

Events are read as a stream of Arrow record batches, each batch's ids dictionary-encoded at once,
so that an event costs 8 bytes for its two ids, 4 for a weight and 8 for a time, whatever the ids
look like. Twenty-five million events with weights and times peak at about 2 GiB
(``benchmarks/ingest.py`` measures it).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from recsys.errors import InvalidInputError
from recsys.events import (
    Columns,
    Duplicates,
    Gathered,
    IdColumn,
    TimeColumn,
    check_weights,
    csv_batches,
    merge,
    parquet_batches,
    project,
    read_weights,
    require,
)
from recsys.ids import IdMap, Ids


class Interactions:
    """Who touched what, how strongly, and (optionally) when.

    Attributes
    ----------
    users, items : IdMap
        Outside ids, in rising order, one for each row and column of `matrix`.
    matrix : scipy.sparse.csr_matrix
        float32, shape (n_users, n_items); indices sorted, no duplicates, every weight > 0.
    timestamps : numpy.ndarray or None
        int64, aligned with ``matrix.data``: the latest time of each pair, in the unit it came in.
    """

    def __init__(
        self,
        users: IdMap,
        items: IdMap,
        matrix: sp.csr_matrix,
        timestamps: npt.NDArray[np.int64] | None = None,
    ) -> None:
        if matrix.shape != (len(users), len(items)):
            raise InvalidInputError(
                f"interaction matrix is of shape {matrix.shape}, expected "
                f"({len(users)}, {len(items)}) for the given ids"
            )
        self.users = users
        self.items = items
        self.matrix = matrix
        self.timestamps = timestamps

    @property
    def n_users(self) -> int:
        """Number of users (rows)."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items (columns)."""
        return len(self.items)

    @property
    def nnz(self) -> int:
        """Number of distinct (user, item) pairs."""
        return int(self.matrix.nnz)

    def item_counts(self) -> npt.NDArray[np.int64]:
        """How many users touched each item, shape (n_items,)."""
        return np.bincount(self.matrix.indices, minlength=self.n_items)

    def __repr__(self) -> str:
        times = "with" if self.timestamps is not None else "without"
        return (
            f"Interactions({self.n_users:,} users x {self.n_items:,} items, "
            f"{self.nnz:,} pairs, {times} times)"
        )

    @classmethod
    def from_parquet(
        cls,
        path: str | os.PathLike[str],
        user: str = "user_id",
        item: str = "item_id",
        weight: str | None = None,
        timestamp: str | None = None,
        *,
        duplicates: Duplicates = "sum",
    ) -> Self:
        """Read a Parquet file, or a folder of them, in bounded memory.

        Parameters
        ----------
        path : path-like
            One file, or a folder whose ``*.parquet`` files are read in order of name.
        user, item : str
            Columns of ids: integers of any width, or strings.
        weight : str, optional
            Column of confidence weights, finite and >= 0; a weight of 0 is no interaction. Without
            it each event weighs 1.
        timestamp : str, optional
            Column of times: integers, floats or Arrow timestamps.
        duplicates : {"sum", "max", "last"}
            What becomes of a pair's repeated weights; ``last`` is the latest by time where there
            are times, else by position in the file.

        Raises
        ------
        InputNotFoundError
            There is no such file.
        InvalidInputError
            Not Parquet, no rows, a missing or unsuitable column, a null, a bad weight.
        """
        columns = Columns(user, item, weight, timestamp)
        return cls._collect(parquet_batches(Path(path), columns), columns, str(path), duplicates)

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        user: str = "user_id",
        item: str = "item_id",
        weight: str | None = None,
        timestamp: str | None = None,
        *,
        duplicates: Duplicates = "sum",
        delimiter: str = ",",
        string_ids: bool = False,
    ) -> Self:
        """Read a CSV file with a header line; parameters as for :meth:`from_parquet`.

        Parameters
        ----------
        delimiter : str
            One character between fields.
        string_ids : bool
            Keep ids as written. Otherwise ids that look like integers become integers, and
            ``007`` and ``7`` would be the same id.
        """
        columns = Columns(user, item, weight, timestamp)
        batches = csv_batches(Path(path), columns, delimiter, string_ids)
        return cls._collect(batches, columns, str(path), duplicates)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        user: str = "user_id",
        item: str = "item_id",
        weight: str | None = None,
        timestamp: str | None = None,
        *,
        duplicates: Duplicates = "sum",
    ) -> Self:
        """Take anything that exports ``__arrow_c_stream__``: pandas, polars, pyarrow, duckdb.

        Examples
        --------
        >>> import pyarrow as pa
        >>> events = pa.table({"user_id": ["ann", "ben", "ann"], "item_id": [7, 7, 9]})
        >>> Interactions.from_frame(events)
        Interactions(2 users x 2 items, 3 pairs, without times)
        """
        if not hasattr(frame, "__arrow_c_stream__"):
            raise InvalidInputError(
                f"events are a {type(frame).__name__}, expected a data frame that exports "
                "__arrow_c_stream__ (pandas >= 2.2, polars, pyarrow, duckdb)"
            )
        columns = Columns(user, item, weight, timestamp)
        reader = pa.RecordBatchReader.from_stream(frame)
        require(columns, reader.schema.names, "the data frame")
        return cls._collect(project(reader, columns), columns, "the data frame", duplicates)

    @classmethod
    def from_csr(
        cls,
        csr: sp.csr_matrix,
        user_ids: Ids | None = None,
        item_ids: Ids | None = None,
    ) -> Self:
        """Take a users × items sparse matrix; ids default to row and column numbers (int64)."""
        if not sp.issparse(csr) or csr.ndim != 2:
            raise InvalidInputError(
                f"expected a two-dimensional sparse matrix, found {type(csr).__name__}; "
                "use scipy.sparse.csr_matrix(...)"
            )
        coo = csr.tocoo()
        check_weights(np.asarray(coo.data), 0, "the CSR matrix", "data")
        users = IdMap(_ids_or_range(user_ids, csr.shape[0], "user"), "user")
        items = IdMap(_ids_or_range(item_ids, csr.shape[1], "item"), "item")
        gathered = Gathered(coo.row, coo.col, coo.data.astype(np.float32), None)
        return cls._build(users, items, gathered, "sum", "the CSR matrix")

    def with_matrix(
        self, matrix: sp.csr_matrix, timestamps: npt.NDArray[np.int64] | None = None
    ) -> Interactions:
        """The same ids over another matrix of the same shape (a training part, say)."""
        return Interactions(self.users, self.items, matrix, timestamps)

    def to_table(self) -> pa.Table:
        """All pairs as a table: user_id, item_id, weight and, where known, timestamp."""
        rows = np.repeat(np.arange(self.n_users), np.diff(self.matrix.indptr))
        table = {
            "user_id": self.users.take(rows),
            "item_id": self.items.take(self.matrix.indices),
            "weight": pa.array(self.matrix.data),
        }
        if self.timestamps is not None:
            table["timestamp"] = pa.array(self.timestamps)
        return pa.table(table)

    @classmethod
    def _collect(
        cls,
        batches: Iterable[pa.RecordBatch],
        columns: Columns,
        source: str,
        duplicates: Duplicates,
    ) -> Self:
        if duplicates not in ("sum", "max", "last"):
            raise InvalidInputError(
                f"duplicates is {duplicates!r}, expected 'sum', 'max' or 'last'"
            )
        user_column = IdColumn(columns.user, source)
        item_column = IdColumn(columns.item, source)
        weights: list[npt.NDArray[np.float32]] = []
        times = TimeColumn(columns.timestamp or "", source)
        row = 0
        for batch in batches:
            if not batch.num_rows:
                continue
            user_column.add(batch.column(columns.user), row)
            item_column.add(batch.column(columns.item), row)
            if columns.weight is not None:
                column = batch.column(columns.weight)
                weights.append(read_weights(column, row, source, columns.weight))
            if columns.timestamp is not None:
                times.add(batch.column(columns.timestamp), row)
            row += batch.num_rows
        if row == 0:
            raise InvalidInputError(f"{source} has no rows; expected at least one event")
        users, user_rows = user_column.finish("user")
        items, item_rows = item_column.finish("item")
        gathered = Gathered(
            user_rows,
            item_rows,
            np.concatenate(weights) if columns.weight is not None else None,
            np.concatenate(times.parts) if columns.timestamp is not None else None,
        )
        return cls._build(users, items, gathered, duplicates, source)

    @classmethod
    def _build(
        cls, users: IdMap, items: IdMap, events: Gathered, duplicates: Duplicates, source: str
    ) -> Self:
        merged = merge(events, len(items), duplicates)
        if merged.weights is None or not merged.weights.size:
            raise InvalidInputError(
                f"{source} has no weight above zero; at least one interaction must weigh more"
            )
        if not np.isfinite(merged.weights).all():
            raise InvalidInputError(
                f"{source}: the summed weights of a pair exceed float32; scale the weights down"
            )
        counts = np.bincount(merged.users, minlength=len(users))
        indptr = np.concatenate([[0], np.cumsum(counts)])
        small = indptr[-1] <= np.iinfo(np.int32).max
        matrix = sp.csr_matrix(
            (
                merged.weights,
                merged.items.astype(np.int32 if small else np.int64, copy=False),
                indptr.astype(np.int32 if small else np.int64),
            ),
            shape=(len(users), len(items)),
        )
        matrix.has_canonical_format = True
        return cls(users, items, matrix, merged.times)


def _ids_or_range(ids: Ids | None, count: int, kind: str) -> pa.Array:
    if ids is None:
        return pa.array(np.arange(count))
    array = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(ids)
    if len(array) != count:
        raise InvalidInputError(f"{len(array)} {kind} ids for {count} rows; give one for each")
    return array
