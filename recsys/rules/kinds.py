"""The rules themselves: values that say what may be recommended, not code."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow.compute as pc

from recsys.ids import Ids

PathLike: TypeAlias = str | os.PathLike[str]
#: A table (anything with ``__arrow_c_stream__``), or the path of a Parquet, CSV, TSV or JSON-lines
#: file.
Source: TypeAlias = Any


@dataclass(frozen=True)
class Allow:
    """Only these items: outside ids, or the path of a file with a column ``item_id``."""

    items: Ids | PathLike


@dataclass(frozen=True)
class Deny:
    """None of these items: outside ids, or the path of a file with a column ``item_id``."""

    items: Ids | PathLike


@dataclass(frozen=True)
class AllowFor:
    """Items for single users: who occurs in `pairs` gets only those, others are not narrowed.

    `pairs` is a table, or the path of a file, with the columns ``user_id`` and ``item_id``. Of
    several such rules a user gets what all of them that name the user allow.
    """

    pairs: Source


@dataclass(frozen=True)
class DenyFor:
    """Pairs that are never recommended: a table or file with ``user_id`` and ``item_id``."""

    pairs: Source


@dataclass(frozen=True)
class NotShown:
    """Nothing that a user was shown in the last `days`.

    Attributes
    ----------
    impressions : table or path
        Columns ``user_id``, ``item_id`` and ``timestamp``: Arrow timestamps or dates (UTC where
        they name no zone), or whole seconds since 1970.
    days : float
        More than 0. What was shown at `now` − `days` or before may come again.
    now : int or datetime, optional
        Seconds since 1970, or a datetime (UTC where it names no zone). By default the newest
        impression, so that a job that is resumed later comes to the same rows.
    """

    impressions: Source
    days: float
    now: int | dt.datetime | None = None


@dataclass(frozen=True)
class Where:
    """Only items for which a condition over the item table holds.

    Attributes
    ----------
    expression : str or pyarrow.compute.Expression
        Text such as ``stock and price < 20 and (genre in ('war', 'drama') or tags has 'sea')``
        in the language of :mod:`recsys.rules.expression`, or a pyarrow expression.

    Examples
    --------
    >>> Where("year >= 1990 and not title contains 'II'")
    Where(expression="year >= 1990 and not title contains 'II'")
    """

    expression: str | pc.Expression


Rule: TypeAlias = Allow | Deny | AllowFor | DenyFor | NotShown | Where
