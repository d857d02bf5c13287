"""Rules that narrow what may be recommended: allow these, deny those, only where this holds.

A rule is a value, not code: it is resolved to item rows once for a request and applied inside the
search, so that asking for ten items under a rule gives ten where ten exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from recsys.catalogue import Catalogue
from recsys.errors import InvalidInputError
from recsys.ids import IdMap, Ids


@dataclass(frozen=True)
class Allow:
    """Only these items (outside ids)."""

    items: Ids


@dataclass(frozen=True)
class Deny:
    """None of these items (outside ids)."""

    items: Ids


@dataclass(frozen=True)
class Where:
    """Only items for which a pyarrow expression over the item table holds.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> Where(pc.field("year") >= 1990)
    Where(expression=<pyarrow.compute.Expression (year >= 1990)>)
    """

    expression: pc.Expression


Rule: TypeAlias = Allow | Deny | Where
Rows: TypeAlias = npt.NDArray[np.int64]


class _Shelf(Protocol):
    """What rules are resolved against."""

    @property
    def items(self) -> IdMap: ...

    @property
    def catalogue(self) -> Catalogue | None: ...


def resolve(rules: Sequence[Rule], shelf: _Shelf) -> tuple[Rows | None, Rows | None]:
    """Turn rules into item rows.

    Returns
    -------
    allow : int64 ndarray or None
        Sorted rows that every Allow and Where admits; None where there is no such rule.
    deny : int64 ndarray or None
        Sorted rows that some Deny names; None where there is no such rule.

    Raises
    ------
    UnknownIdError
        A rule names an item that the model does not know.
    InvalidInputError
        A Where without an item table, or whose expression does not fit it.
    """
    if isinstance(rules, Allow | Deny | Where):
        raise InvalidInputError(f"rules is the single rule {rules!r}; put it into a list")
    allow: Rows | None = None
    deny: Rows | None = None
    for rule in rules:
        if isinstance(rule, Deny):
            rows = np.unique(shelf.items.rows(rule.items))
            deny = rows if deny is None else np.union1d(deny, rows)
            continue
        if isinstance(rule, Allow):
            rows = np.unique(shelf.items.rows(rule.items))
        elif isinstance(rule, Where):
            rows = _matching(rule, shelf.catalogue)
        else:
            raise InvalidInputError(
                f"rule {rule!r} is a {type(rule).__name__}, expected Allow, Deny or Where"
            )
        allow = rows if allow is None else np.intersect1d(allow, rows, assume_unique=True)
    return allow, deny


def _matching(rule: Where, catalogue: Catalogue | None) -> Rows:
    if catalogue is None:
        raise InvalidInputError(
            f"the rule {rule.expression} needs an item table; fit with items=... to give one"
        )
    return catalogue.matching(rule.expression)
