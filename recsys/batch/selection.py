"""Whom a job serves: everybody, a list, or the ids in a file."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.errors import InvalidInputError, UnknownIdError
from recsys.events import parts_of_second
from recsys.rules.sources import Policy
from recsys.tables import read_table

USER_COLUMN = "user_id"
_REPORTED = 100  # ids that a report names


@dataclass(frozen=True)
class Selection:
    """The users of a job.

    Attributes
    ----------
    rows : ndarray of int64, shape (users,)
        User rows of the model, distinct, in the order of the output.
    source : str
        Where they come from, for people.
    sha256 : str
        Checksum of `rows`.
    notes : tuple of str
        What was put right on the way.
    report : dict
        Ids that the model does not know, where those are left out: how many, and the first.
    """

    rows: NDArray[np.int64]
    source: str
    sha256: str
    notes: tuple[str, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)


def select_users(
    recommender: Any,
    users: str | os.PathLike[str] | Sequence[Any],
    *,
    since: str | int | dt.datetime | None = None,
    unknown: Policy = "stop",
) -> Selection:
    """Resolve what a caller gave as users.

    Parameters
    ----------
    recommender : Recommender
        The model; only its ``users`` are looked at.
    users : "all", path or sequence of ids
        A file may be Parquet or CSV with a column ``user_id`` or a single column.
    since : int, datetime or str, optional
        Only users with an interaction at this time or later. A whole number is compared with the
        model's times as it is; a date or time in ISO form (UTC where it names no zone) is put into
        their unit, which their size tells: seconds below 1e11, then milli-, micro-, nanoseconds.
        There may be no such user.
    unknown : {"stop", "report"}
        What to do about ids that the model does not know: raise, or leave them out and report them.

    Returns
    -------
    Selection

    Raises
    ------
    UnknownIdError
        Users that the model does not know; the first few are named.
    InvalidInputError
        No users, nulls, or no such column.
    InputNotFoundError
        The file does not exist.
    """
    if isinstance(users, str) and users == "all":
        if len(recommender.users) == 0:
            raise InvalidInputError("the model has no users; fit it on interactions first")
        everyone = np.arange(len(recommender.users), dtype=np.int64)
        return _since(recommender, _selection(everyone, "all users"), since)
    if isinstance(users, str | os.PathLike):
        path = Path(users)
        ids: Any = _read_ids(path, recommender)
        source = f"users of {path}"
    else:
        ids, source = users, "the users given"
    if len(ids) == 0:
        raise InvalidInputError(f"{source}: none; give at least one user id, or 'all'")
    rows, report = _known(recommender, ids, source, unknown)
    _, first = np.unique(rows, return_index=True)
    notes = []
    if report:
        notes.append(f"{source}: unknown ids are left out: {report['count']:,}")
    if len(first) < len(rows):
        notes.append(f"{source}: repeated ids are served once: {len(rows) - len(first):,}")
    found = _selection(rows[np.sort(first)], source, tuple(notes))
    return _since(recommender, replace(found, report=report), since)


def _known(
    recommender: Any, ids: Any, source: str, unknown: Policy
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    if unknown == "stop":
        try:
            return np.asarray(recommender.users.rows(ids), np.int64), {}
        except UnknownIdError as error:
            raise UnknownIdError(f"{source}: {error}") from error
    rows = np.asarray(recommender.users.find(ids), np.int64)
    strange = np.flatnonzero(rows < 0)
    if len(strange) == len(rows):
        raise UnknownIdError(
            f"{source}: the model knows none of them; check the ids and their type"
        )
    if len(strange) == 0:
        return rows, {}
    values = ids.to_pylist() if hasattr(ids, "to_pylist") else list(ids)
    first = [values[at] for at in strange[:_REPORTED]]
    return rows[rows >= 0], {"source": source, "count": len(strange), "first": first}


def _since(
    recommender: Any, selection: Selection, since: str | int | dt.datetime | None
) -> Selection:
    if since is None:
        return selection
    times = recommender.interactions.timestamps
    if times is None:
        raise InvalidInputError(
            f"since is {since!r}, but the model's interactions have no times; fit with a column of "
            "times, or serve everybody"
        )
    matrix = recommender.interactions.matrix
    recent = np.asarray(times) >= _moment(since, np.asarray(times))
    ends = np.concatenate([[0], np.cumsum(recent)])
    changed = ends[matrix.indptr[1:]] > ends[matrix.indptr[:-1]]
    rows = selection.rows[changed[selection.rows]]
    found = _selection(rows, f"{selection.source} with an interaction since {since}")
    return replace(found, notes=selection.notes, report=selection.report)


def _moment(since: str | int | dt.datetime, times: NDArray[np.int64]) -> int:
    """`since` in the unit of `times`."""
    if isinstance(since, str) and since.lstrip("-").isdigit():
        since = int(since)
    if isinstance(since, int) and not isinstance(since, bool):
        return since
    if isinstance(since, str):
        try:
            since = dt.datetime.fromisoformat(since)
        except ValueError as error:
            raise InvalidInputError(
                f"since is {since!r}, expected a date such as 2026-01-31, a time such as "
                "2026-01-31T18:00, or a whole number in the unit of the model's times"
            ) from error
    if not isinstance(since, dt.datetime):
        raise InvalidInputError(f"since is {since!r}, expected a time or a whole number")
    if since.tzinfo is None:
        since = since.replace(tzinfo=dt.UTC)
    return int(since.timestamp() * parts_of_second(times))


def _selection(rows: NDArray[np.int64], source: str, notes: tuple[str, ...] = ()) -> Selection:
    return Selection(rows, source, hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest(), notes)


def _read_ids(path: Path, recommender: Any) -> pa.ChunkedArray:
    table = read_table(path, "users file")
    names = table.column_names
    if USER_COLUMN in names:
        column = table.column(USER_COLUMN)
    elif len(names) == 1:
        # A file without a header would lose its first user to the column name.
        if names[0] in recommender.users:
            raise InvalidInputError(
                f"users file {path} has no header: its first line is the user {names[0]!r}; add "
                f"a first line {USER_COLUMN}"
            )
        column = table.column(0)
    else:
        raise InvalidInputError(
            f"users file {path} has columns {', '.join(names) or 'none'}; expected {USER_COLUMN}"
        )
    if column.null_count:
        raise InvalidInputError(
            f"users file {path} holds {column.null_count} rows without an id; drop them"
        )
    return column
