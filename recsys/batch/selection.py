"""Whom a job serves: everybody, a list, or the ids in a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.errors import InvalidInputError, UnknownIdError
from recsys.tables import read_table

USER_COLUMN = "user_id"


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
    """

    rows: NDArray[np.int64]
    source: str
    sha256: str
    notes: tuple[str, ...] = ()


def select_users(recommender: Any, users: str | os.PathLike[str] | Sequence[Any]) -> Selection:
    """Resolve what a caller gave as users.

    Parameters
    ----------
    recommender : Recommender
        The model; only its ``users`` are looked at.
    users : "all", path or sequence of ids
        A file may be Parquet or CSV with a column ``user_id`` or a single column.

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
        return _selection(np.arange(len(recommender.users), dtype=np.int64), "all users", ())
    if isinstance(users, str | os.PathLike):
        path = Path(users)
        ids: Any = _read_ids(path, recommender)
        source = f"users of {path}"
    else:
        ids, source = users, "the users given"
    if len(ids) == 0:
        raise InvalidInputError(f"{source}: none; give at least one user id, or 'all'")
    try:
        rows = np.asarray(recommender.users.rows(ids), np.int64)
    except UnknownIdError as error:
        raise UnknownIdError(f"{source}: {error}") from error
    _, first = np.unique(rows, return_index=True)
    notes: tuple[str, ...] = ()
    if len(first) < len(rows):
        notes = (f"{source}: repeated ids are served once: {len(rows) - len(first):,}",)
    return _selection(rows[np.sort(first)], source, notes)


def _selection(rows: NDArray[np.int64], source: str, notes: tuple[str, ...]) -> Selection:
    if len(rows) == 0:
        raise InvalidInputError("the model has no users; fit it on interactions first")
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
