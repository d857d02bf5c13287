"""Interactions: the one border between outside ids and internal rows.

Events are read as a stream of Arrow record batches, each batch's ids dictionary-encoded at once,
so that an event costs 8 bytes for its two ids, 4 for a weight and 8 for a time, whatever the ids
look like. Twenty-five million events with weights and times peak at about 2 GiB
(``benchmarks/ingest.py`` measures it).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from recsys.errors import AlsatianError, InputNotFoundError, InvalidInputError
from recsys.ids import IdMap, Ids, is_id_type

Duplicates: TypeAlias = Literal["sum", "max", "last"]
_BATCH_ROWS = 1 << 20
_CSV_BLOCK_BYTES = 1 << 22


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
        columns = _Columns(user, item, weight, timestamp)
        return cls._collect(_parquet_batches(Path(path), columns), columns, str(path), duplicates)

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
        columns = _Columns(user, item, weight, timestamp)
        batches = _csv_batches(Path(path), columns, delimiter, string_ids)
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
        columns = _Columns(user, item, weight, timestamp)
        reader = pa.RecordBatchReader.from_stream(frame)
        _require(columns, reader.schema.names, "the data frame")
        return cls._collect(_project(reader, columns), columns, "the data frame", duplicates)

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
        _check_weights(np.asarray(coo.data), 0, "the CSR matrix", "data")
        users = IdMap(_ids_or_range(user_ids, csr.shape[0], "user"), "user")
        items = IdMap(_ids_or_range(item_ids, csr.shape[1], "item"), "item")
        gathered = _Gathered(coo.row, coo.col, coo.data.astype(np.float32), None)
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
        columns: _Columns,
        source: str,
        duplicates: Duplicates,
    ) -> Self:
        if duplicates not in ("sum", "max", "last"):
            raise InvalidInputError(
                f"duplicates is {duplicates!r}, expected 'sum', 'max' or 'last'"
            )
        user_column = _IdColumn(columns.user, source)
        item_column = _IdColumn(columns.item, source)
        weights: list[npt.NDArray[np.float32]] = []
        times = _TimeColumn(columns.timestamp or "", source)
        row = 0
        for batch in batches:
            if not batch.num_rows:
                continue
            user_column.add(batch.column(columns.user), row)
            item_column.add(batch.column(columns.item), row)
            if columns.weight is not None:
                column = batch.column(columns.weight)
                weights.append(_weights(column, row, source, columns.weight))
            if columns.timestamp is not None:
                times.add(batch.column(columns.timestamp), row)
            row += batch.num_rows
        if row == 0:
            raise InvalidInputError(f"{source} has no rows; expected at least one event")
        users, user_rows = user_column.finish("user")
        items, item_rows = item_column.finish("item")
        gathered = _Gathered(
            user_rows,
            item_rows,
            np.concatenate(weights) if columns.weight is not None else None,
            np.concatenate(times.parts) if columns.timestamp is not None else None,
        )
        return cls._build(users, items, gathered, duplicates, source)

    @classmethod
    def _build(
        cls, users: IdMap, items: IdMap, events: _Gathered, duplicates: Duplicates, source: str
    ) -> Self:
        merged = _merge(events, len(items), duplicates)
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


@dataclass(frozen=True)
class _Columns:
    user: str
    item: str
    weight: str | None
    timestamp: str | None

    @property
    def names(self) -> list[str]:
        named = (self.user, self.item, self.weight, self.timestamp)
        return list(dict.fromkeys(name for name in named if name is not None))


@dataclass
class _Gathered:
    """Events as internal rows; `weights` None means 1 each."""

    users: npt.NDArray[Any]
    items: npt.NDArray[Any]
    weights: npt.NDArray[np.float32] | None
    times: npt.NDArray[np.int64] | None


@dataclass
class _IdColumn:
    """Ids of one column, dictionary-encoded batch by batch."""

    name: str
    source: str
    dictionaries: list[pa.Array] = field(default_factory=list)
    codes: list[npt.NDArray[np.int32]] = field(default_factory=list)
    type: pa.DataType | None = None

    def add(self, column: pa.Array, first_row: int) -> None:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if not is_id_type(column.type):
            raise InvalidInputError(
                f"{self.source}, column {self.name!r} is of type {column.type}, expected integer "
                "or string ids; cast it"
            )
        if column.null_count:
            at = first_row + int(np.flatnonzero(np.asarray(column.is_null()))[0]) + 1
            raise InvalidInputError(
                f"{self.source}, column {self.name!r}, row {at}: the id is missing; "
                "drop or fill that row"
            )
        if not pa.types.is_integer(column.type):
            column = column.cast(pa.large_string())
            self._refuse_empty(column, first_row)
        encoded = column.dictionary_encode()
        self._agree(encoded.type.value_type, first_row)
        self.dictionaries.append(encoded.dictionary)
        self.codes.append(encoded.indices.to_numpy().astype(np.int32, copy=False))

    def _refuse_empty(self, column: pa.Array, first_row: int) -> None:
        empty = np.asarray(pc.equal(column, ""))
        if empty.any():
            at = first_row + int(np.flatnonzero(empty)[0]) + 1
            raise InvalidInputError(
                f"{self.source}, column {self.name!r}, row {at}: the id is missing; "
                "drop or fill that row"
            )

    def _agree(self, kind: pa.DataType, first_row: int) -> None:
        """Files of one folder may differ in the width of their integers, not in kind."""
        if self.type is None or self.type == kind:
            self.type = kind
            return
        if not (pa.types.is_integer(self.type) and pa.types.is_integer(kind)):
            raise InvalidInputError(
                f"{self.source}, column {self.name!r}: ids are {kind} from row {first_row + 1} on, "
                f"{self.type} before; cast them to one type"
            )
        self.type = pa.int64()

    def finish(self, kind: str) -> tuple[IdMap, npt.NDArray[np.int32]]:
        """The id map in rising order, and each event's row; frees what was gathered."""
        try:
            same = [dictionary.cast(self.type) for dictionary in self.dictionaries]
        except pa.ArrowInvalid as error:
            raise InvalidInputError(
                f"{self.source}, column {self.name!r}: ids of several integer types, some beyond "
                "int64; cast them to one type"
            ) from error
        self.dictionaries = same
        known = pa.chunked_array(same, self.type).unique()
        ids = known.take(pc.sort_indices(known))
        rows = np.empty(sum(part.size for part in self.codes), np.int32)
        end = 0
        for dictionary, codes in zip(self.dictionaries, self.codes, strict=True):
            renumber = pc.index_in(dictionary, ids).to_numpy().astype(np.int32)
            rows[end : end + codes.size] = renumber[codes]
            end += codes.size
        self.dictionaries.clear()
        self.codes.clear()
        return IdMap(ids, kind), rows


def _merge(events: _Gathered, n_items: int, duplicates: Duplicates) -> _Gathered:
    """Sort by (user, item) and make one of each pair's events; pairs of weight 0 are dropped.

    Empties `events` as it goes: at tens of millions of rows each array counts.
    """
    key = events.users.astype(np.int64)
    key *= n_items
    key += events.items
    events.users = events.items = np.empty(0, np.int32)
    weights, times = events.weights, events.times
    events.weights = events.times = None
    if weights is not None and duplicates != "last" and not weights.all():
        keep = weights != 0
        key, weights = key[keep], weights[keep]
        times = times[keep] if times is not None else None
    if key.size > 1 and not (key[1:] > key[:-1]).all():
        if duplicates == "last" and times is not None:
            order = np.lexsort((times, key))
        else:
            order = np.argsort(key, kind="stable")
        key = key[order]
        weights = weights[order] if weights is not None else None
        times = times[order] if times is not None else None
        del order
    if key.size > 1 and (repeated := key[1:] == key[:-1]).any():
        starts = np.flatnonzero(np.concatenate([[True], ~repeated]))
        weights = _merge_weights(weights, starts, key.size, duplicates)
        times = np.maximum.reduceat(times, starts) if times is not None else None
        key = key[starts]
    if weights is None:
        weights = np.ones(key.size, np.float32)
    if not weights.all():  # the last word on a pair may be that it is none
        keep = weights != 0
        key, weights = key[keep], weights[keep]
        times = times[keep] if times is not None else None
    users = (key // n_items).astype(np.int32)
    key %= n_items
    return _Gathered(users, key.astype(np.int32), weights, times)


def _merge_weights(
    weights: npt.NDArray[np.float32] | None,
    starts: npt.NDArray[np.int64],
    size: int,
    duplicates: Duplicates,
) -> npt.NDArray[np.float32]:
    ends = np.append(starts[1:], size)
    if weights is None:
        return (ends - starts if duplicates == "sum" else np.ones(starts.size)).astype(np.float32)
    if duplicates == "last":
        return np.asarray(weights[ends - 1])
    if duplicates == "max":
        return np.asarray(np.maximum.reduceat(weights, starts))
    with np.errstate(over="ignore"):  # the caller refuses what overflowed
        summed = np.add.reduceat(weights, starts, dtype=np.float64)
        return np.asarray(summed, np.float32)


def _weights(column: pa.Array, row: int, source: str, name: str) -> npt.NDArray[np.float32]:
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if not (numeric or pa.types.is_boolean(column.type) or pa.types.is_decimal(column.type)):
        raise InvalidInputError(
            f"{source}, column {name!r} is of type {column.type}, expected numbers; cast it"
        )
    if column.null_count:
        at = row + int(np.flatnonzero(np.asarray(column.is_null()))[0]) + 1
        raise InvalidInputError(
            f"{source}, column {name!r}, row {at}: the weight is missing; drop or fill that row"
        )
    values = column.to_numpy(zero_copy_only=False).astype(np.float64)
    _check_weights(values, row, source, name)
    return np.asarray(values, np.float32)


def _check_weights(values: npt.NDArray[Any], row: int, source: str, name: str) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        bad = ~(np.isfinite(values.astype(np.float32)) & (values >= 0))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise InvalidInputError(
            f"{source}, column {name!r}, row {row + at + 1}: weight {values[at]} found, expected "
            "a finite number >= 0 (float32); drop or correct that row"
        )


@dataclass
class _TimeColumn:
    """Times of one column, as integers in the unit of the first batch."""

    name: str
    source: str
    parts: list[npt.NDArray[np.int64]] = field(default_factory=list)
    type: pa.DataType | None = None

    def add(self, column: pa.Array, row: int) -> None:
        if column.null_count:
            at = row + int(np.flatnonzero(np.asarray(column.is_null()))[0]) + 1
            raise self._fault(f", row {at}: the time is missing; drop or fill that row")
        if pa.types.is_date(column.type):
            column = column.cast(pa.timestamp("s"))
        if pa.types.is_floating(column.type):
            self.parts.append(self._whole(column.to_numpy(zero_copy_only=False), row))
            return
        moment = pa.types.is_timestamp(column.type)
        if not (moment or pa.types.is_integer(column.type)):
            raise self._fault(
                f" is of type {column.type}, expected integers or timestamps; cast it"
            )
        self.type = self.type or column.type
        if moment != pa.types.is_timestamp(self.type):
            raise self._fault(f": {column.type} and {self.type} are mixed; cast them to one type")
        try:
            same = column.cast(self.type, safe=False) if moment else column
            self.parts.append(np.asarray(same.cast(pa.int64()).to_numpy(zero_copy_only=False)))
        except pa.ArrowInvalid as error:
            raise self._fault(": a time is beyond int64; correct that row") from error

    def _whole(self, values: npt.NDArray[Any], row: int) -> npt.NDArray[np.int64]:
        bad = ~(np.abs(values) < 2.0**63)  # NaN fails the comparison too
        if bad.any():
            at = row + int(np.flatnonzero(bad)[0]) + 1
            raise self._fault(f", row {at}: not a finite time; correct that row")
        return np.asarray(values, np.int64)

    def _fault(self, rest: str) -> InvalidInputError:
        return InvalidInputError(f"{self.source}, column {self.name!r}{rest}")


def _ids_or_range(ids: Ids | None, count: int, kind: str) -> pa.Array:
    if ids is None:
        return pa.array(np.arange(count))
    array = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(ids)
    if len(array) != count:
        raise InvalidInputError(f"{len(array)} {kind} ids for {count} rows; give one for each")
    return array


def _require(columns: _Columns, present: list[str], source: str) -> None:
    for name in columns.names:
        if name not in present:
            raise InvalidInputError(
                f"{source} has no column {name!r}; its columns are: {', '.join(present)}"
            )
        if present.count(name) > 1:
            raise InvalidInputError(
                f"{source} has {present.count(name)} columns {name!r}; keep one"
            )


def _project(batches: Iterable[pa.RecordBatch], columns: _Columns) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            yield batch.select(columns.names).slice(start, _BATCH_ROWS)


def _parquet_files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        if files:
            return files
        raise InputNotFoundError(f"events folder {path} holds no *.parquet file; give another")
    if not path.exists():
        raise InputNotFoundError(f"events file {path} does not exist; check the path")
    return [path]


def _parquet_batches(path: Path, columns: _Columns) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    for file in _parquet_files(path):
        if file.stat().st_size == 0:
            raise InvalidInputError(f"{file} is empty (0 bytes); expected a Parquet file")
        try:
            with pq.ParquetFile(file) as parquet:
                _require(columns, parquet.schema_arrow.names, str(file))
                yield from parquet.iter_batches(_BATCH_ROWS, columns=columns.names)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, AlsatianError):
                raise
            raise InvalidInputError(
                f"{file} cannot be read as Parquet ({_one_line(error)}); write it again"
            ) from error


def _csv_batches(
    path: Path, columns: _Columns, delimiter: str, string_ids: bool
) -> Iterator[pa.RecordBatch]:
    import pyarrow.csv as csv

    if not path.is_file():
        raise InputNotFoundError(f"events file {path} does not exist; check the path")
    if path.stat().st_size == 0:
        raise InvalidInputError(f"{path} is empty (0 bytes); expected a header line and rows")
    if len(delimiter) != 1:
        raise InvalidInputError(f"delimiter is {delimiter!r}, expected one character")
    types = {columns.user: pa.string(), columns.item: pa.string()} if string_ids else {}
    if columns.weight is not None:  # a column of 4, 5, 3.5 is not one of integers
        types[columns.weight] = pa.float64()
    try:
        with csv.open_csv(
            path,
            read_options=csv.ReadOptions(block_size=_CSV_BLOCK_BYTES),
            parse_options=csv.ParseOptions(delimiter=delimiter),
            convert_options=csv.ConvertOptions(column_types=types),
        ) as reader:
            _require(columns, reader.schema.names, str(path))
            for batch in reader:
                yield batch.select(columns.names)
    except pa.ArrowException as error:
        reason = _one_line(error)
        mend = "correct that line"
        if "conversion error to int64" in reason:
            mend = "if that is an id, read ids as text (string_ids=True, --string-ids)"
        raise InvalidInputError(f"{path} cannot be read as CSV ({reason}); {mend}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
