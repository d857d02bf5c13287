"""What rules name, read and turned into rows: lists of ids, tables, files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.errors import InvalidInputError, UnknownIdError
from recsys.ids import IdMap, Ids, is_id_type
from recsys.tables import read_table

Rows: TypeAlias = npt.NDArray[np.int64]
Policy: TypeAlias = Literal["stop", "report"]

_NAMED = 5
_REPORTED = 100


@dataclass
class Ledger:
    """What is found while rules are prepared.

    Attributes
    ----------
    policy : {"stop", "report"}
        Whether unknown ids raise or are left out and noted.
    notes : list of str
        For people.
    unknown, contradictions : list of dict
        The same as values that JSON can hold.
    """

    policy: Policy
    notes: list[str] = field(default_factory=list)
    unknown: list[dict[str, Any]] = field(default_factory=list)
    contradictions: list[dict[str, Any]] = field(default_factory=list)


def name_of(rule: Any, place: int) -> str:
    """What a rule is called in messages: its kind, and its file or place (from 1)."""
    kind = type(rule).__name__
    source = next(iter(vars(rule).values()), None)
    if kind in ("Where", "Boost", "Quota") and isinstance(source, str):
        return f"{kind} {source!r}"
    if kind not in ("MinimumScore", "Diversify") and isinstance(source, str | os.PathLike):
        return f"{kind} from {os.fspath(source)}"
    return f"{kind} (rule {place})"


def table_of(source: Any, name: str, maps: dict[str, IdMap]) -> pa.Table:
    """The table that a rule names; ids that the model has as strings are read as written."""
    if isinstance(source, str | os.PathLike):
        text = [column for column, known in maps.items() if not pa.types.is_integer(known.ids.type)]
        return read_table(Path(source), f"file of the rule {name}:", text=text)
    if isinstance(source, pa.Table):
        return source
    if hasattr(source, "__arrow_c_stream__"):
        return pa.table(source)
    raise InvalidInputError(
        f"{name}: found a {type(source).__name__}, expected a table (pyarrow, pandas >= 2.2, "
        "polars, duckdb) or the path of a file"
    )


def column_of(table: pa.Table, column: str, name: str) -> pa.Array:
    """Column `column` of a rule's table, without nulls."""
    if column not in table.column_names:
        raise InvalidInputError(
            f"{name}: there is no column {column!r}; its columns are: "
            f"{', '.join(table.column_names)}"
        )
    values = table.column(column).combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if values.null_count:
        raise InvalidInputError(
            f"{name}: column {column!r} holds {values.null_count} nulls; drop these rows"
        )
    return values


def find(values: Ids, known: IdMap, name: str, ledger: Ledger) -> Rows:
    """Rows of ids, −1 where unknown; stops at unknown ones where the ledger says so.

    Raises
    ------
    UnknownIdError
        Some are unknown and the policy is to stop; the message names up to five and the rule.
    InvalidInputError
        Ids of another type than the model's, or nulls.
    """
    _check_type(values, known, name)
    rows = known.find(values)
    unknown = np.flatnonzero(rows < 0)
    if not unknown.size:
        return rows
    missing = list(dict.fromkeys(_plain(values, place) for place in unknown.tolist()))
    if None in missing:
        raise InvalidInputError(f"{name}: the {known.kind} ids hold nulls; drop them")
    examples = ", ".join(repr(value) for value in known.ids.slice(0, 2).to_pylist()) or "none"
    if ledger.policy == "stop":
        named = ", ".join(repr(value) for value in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
        raise UnknownIdError(
            f"{name}: unknown {known.kind} {named}{more}: not among the model's {len(known):,} "
            f"{known.kind}s (such as {examples}); check the id and its type, or have unknown ids "
            "reported"
        )
    ledger.unknown.append(
        {
            "rule": name,
            "kind": known.kind,
            "count": len(missing),
            "first": missing[:_REPORTED],
        }
    )
    ledger.notes.append(
        f"{name}: {len(missing):,} unknown {known.kind} ids are left out, such as {missing[0]!r}"
    )
    return rows


def note_repeats(given: int, distinct: int, name: str, ledger: Ledger) -> None:
    """Note how many entries of a rule say the same once more."""
    if distinct < given:
        ledger.notes.append(f"{name}: {given - distinct:,} duplicates, which count once")


def _check_type(values: Ids, known: IdMap, name: str) -> None:
    kind = None
    if isinstance(values, pa.Array | pa.ChunkedArray):
        kind = values.type
        if values.null_count:
            raise InvalidInputError(f"{name}: the ids hold {values.null_count} nulls; drop them")
    elif isinstance(values, np.ndarray) and values.dtype.kind in "fbmM":
        kind = pa.from_numpy_dtype(values.dtype)
    if kind is None or not len(values):
        return
    strings = not pa.types.is_integer(known.ids.type)
    if not is_id_type(kind) or (strings and pa.types.is_integer(kind)):
        raise InvalidInputError(
            f"{name}: the {known.kind} ids are of type {kind}, the model's are {known.ids.type}; "
            "cast them"
        )


def _plain(values: Ids | Sequence[Any], place: int) -> Any:
    value = values[place]
    if isinstance(value, pa.Scalar):
        return value.as_py()
    return value.item() if isinstance(value, np.generic) else value
