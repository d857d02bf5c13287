"""The rules themselves: values that say what may be recommended, not code."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

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


@dataclass(frozen=True)
class MinimumScore:
    """No item that scores less than `value`, after boosts; compared in float32."""

    value: float


@dataclass(frozen=True)
class Boost:
    """Items that meet a condition get the score `factor` · score + `add`, inside the search.

    Attributes
    ----------
    where : str, pyarrow.compute.Expression or None
        A condition, as for :class:`Where`; None stands for every item.
    factor : float or str
        Finite, more than 0; or the name of a column of numbers that holds each item's own. It
        scales the item's vector, so that a negative score moves away from 0 as well: a factor of
        2 lifts what a user is predicted to like, and sinks the rest.
    add : float or str
        Finite, below 0 it sinks; or the name of a column of numbers.

    Where a column holds a null, the item's score is left as it is. Of several boosts on an item the
    factors are multiplied first, then what they add is added. A model with an approximate index is
    searched exactly under boosts.

    Examples
    --------
    >>> Boost(None, add="margin")
    Boost(where=None, factor=1.0, add='margin')
    """

    where: str | pc.Expression | None
    factor: float | str = 1.0
    add: float | str = 0.0


@dataclass(frozen=True)
class Quota:
    """At most `most` items of a list for each value of a column of the item table.

    Attributes
    ----------
    column : str
        An item counts for its value, in a column of lists for each of its values (so too in the
        text of the catalogue's genres, "Crime|Drama"), and for none where it has a null.
    most : int
        At least 1.

    A list is what comes of going down the user's whole ranking and taking each item that the
    quotas still admit.
    """

    column: str
    most: int


@dataclass(frozen=True)
class Diversify:
    """Lists in which an item that is like an earlier one stands back (maximal marginal relevance).

    Each next item is the one of the `pool` best with the highest (1 − `weight`) · score −
    `weight` · its largest cosine with an item that is already in the list (of equal ones the one
    that ranks higher). So scores need not fall along a list.

    Attributes
    ----------
    weight : float
        From 0 (order by score) to 1 (only be different).
    pool : int
        At least 1; where it is less than the items wanted, those many are taken instead. Where
        quotas use up the pool, the list goes on down the ranking by score.
    by : {"factors", "content"}
        Whose cosine: that of the item factors (who likes them), or of the items' sentence vectors
        (what they are about; the model must be fitted with ``item_text``).

    Notes
    -----
    Carbonell & Goldstein 1998, "The use of MMR, diversity-based reranking for reordering
    documents and producing summaries".
    """

    weight: float
    pool: int = 100
    by: Literal["factors", "content"] = "factors"


Rule: TypeAlias = (
    Allow | Deny | AllowFor | DenyFor | NotShown | Where | MinimumScore | Boost | Quota | Diversify
)
