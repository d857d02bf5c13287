"""The rules themselves: values that say what may be recommended, not code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import pyarrow.compute as pc

from recsys.ids import Ids


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
