"""Events on their way in: sources that give record batches, and columns that take them up.

:class:`recsys.interactions.Interactions` puts these together; nothing here is public.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys.errors import AlsatianError, InputNotFoundError, InvalidInputError
from recsys.ids import IdMap, is_id_type

Duplicates: TypeAlias = Literal["sum", "max", "last"]
_BATCH_ROWS = 1 << 20
_CSV_BLOCK_BYTES = 1 << 22


# Up to which size times are in seconds, milli-, micro-, nanoseconds, and how many make a second.
_UNITS = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (2**64, 10**9))


def parts_of_second(times: npt.NDArray[np.int64]) -> int:
    """How many units of `times` make a second, which their size tells: 1, 10³, 10⁶ or 10⁹."""
    largest = int(np.abs(times).max(initial=0))
    return next(parts for limit, parts in _UNITS if largest < limit)


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are read; the optional ones may be None."""

    user: str
    item: str
    weight: str | None
    timestamp: str | None

    @property
    def names(self) -> list[str]:
        """Names of the columns that are read, each once."""
        named = (self.user, self.item, self.weight, self.timestamp)
        return list(dict.fromkeys(name for name in named if name is not None))


def require(columns: Columns, present: list[str], source: str) -> None:
    """Refuse a table that lacks a column, or has it twice."""
    for name in columns.names:
        if name not in present:
            raise InvalidInputError(
                f"{source} has no column {name!r}; its columns are: {', '.join(present)}"
            )
        if present.count(name) > 1:
            raise InvalidInputError(
                f"{source} has {present.count(name)} columns {name!r}; keep one"
            )


def project(batches: Iterable[pa.RecordBatch], columns: Columns) -> Iterator[pa.RecordBatch]:
    """Cut batches down to the columns that are read, and to a bounded number of rows."""
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


def parquet_batches(path: Path, columns: Columns) -> Iterator[pa.RecordBatch]:
    """Read a Parquet file, or the ``*.parquet`` files of a folder in order of name."""
    import pyarrow.parquet as pq

    for file in _parquet_files(path):
        if file.stat().st_size == 0:
            raise InvalidInputError(f"{file} is empty (0 bytes); expected a Parquet file")
        try:
            with pq.ParquetFile(file) as parquet:
                require(columns, parquet.schema_arrow.names, str(file))
                yield from parquet.iter_batches(_BATCH_ROWS, columns=columns.names)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, AlsatianError):
                raise
            raise InvalidInputError(
                f"{file} cannot be read as Parquet ({_one_line(error)}); write it again"
            ) from error


def csv_batches(
    path: Path, columns: Columns, delimiter: str, string_ids: bool
) -> Iterator[pa.RecordBatch]:
    """Read a CSV file with a header, block by block."""
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
            require(columns, reader.schema.names, str(path))
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


@dataclass
class IdColumn:
    """Ids of one column, dictionary-encoded batch by batch."""

    name: str
    source: str
    dictionaries: list[pa.Array] = field(default_factory=list)
    codes: list[npt.NDArray[np.int32]] = field(default_factory=list)
    type: pa.DataType | None = None

    def add(self, column: pa.Array, first_row: int) -> None:
        """Take up the ids of one batch, whose first event is number `first_row` (from 0)."""
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


def read_weights(column: pa.Array, row: int, source: str, name: str) -> npt.NDArray[np.float32]:
    """Weights of one batch, whose first event is number `row` (from 0), checked."""
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
    check_weights(values, row, source, name)
    return np.asarray(values, np.float32)


def check_weights(values: npt.NDArray[Any], row: int, source: str, name: str) -> None:
    """Refuse the first weight that is not finite as float32, or below 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        bad = ~(np.isfinite(values.astype(np.float32)) & (values >= 0))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise InvalidInputError(
            f"{source}, column {name!r}, row {row + at + 1}: weight {values[at]} found, expected "
            "a finite number >= 0 (float32); drop or correct that row"
        )


@dataclass
class TimeColumn:
    """Times of one column, as integers in the unit of the first batch."""

    name: str
    source: str
    parts: list[npt.NDArray[np.int64]] = field(default_factory=list)
    type: pa.DataType | None = None

    def add(self, column: pa.Array, row: int) -> None:
        """Take up the times of one batch, whose first event is number `row` (from 0)."""
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


@dataclass
class Gathered:
    """Events as internal rows; `weights` None means 1 each."""

    users: npt.NDArray[Any]
    items: npt.NDArray[Any]
    weights: npt.NDArray[np.float32] | None
    times: npt.NDArray[np.int64] | None


def merge(events: Gathered, n_items: int, duplicates: Duplicates) -> Gathered:
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
    return Gathered(users, key.astype(np.int32), weights, times)


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
