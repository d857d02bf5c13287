"""Rules made ready for a model: files read, ids resolved, contradictions found, once for a job."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from recsys.catalogue import Catalogue
from recsys.errors import InvalidInputError
from recsys.ids import IdMap
from recsys.rules.kinds import Allow, Deny, Rule, Where

Rows: TypeAlias = npt.NDArray[np.int64]
Policy: TypeAlias = Literal["stop", "report"]


class Shelf(Protocol):
    """What rules are resolved against."""

    @property
    def items(self) -> IdMap:
        """Items that can be recommended."""
        ...

    @property
    def catalogue(self) -> Catalogue | None:
        """Attributes of the items."""
        ...


@dataclass(frozen=True)
class Prepared:
    """What rules come to for one model: see :func:`prepare`. It can be pickled.

    Attributes
    ----------
    count : int
        Number of rules.
    allow, deny : int64 ndarray or None
        Sorted item rows that every Allow and Where admits, and that some Deny names; None where
        there is no such rule.
    notes : tuple of str
        What people should know.
    report : dict
        The same as values that JSON can hold.
    """

    count: int = 0
    allow: Rows | None = None
    deny: Rows | None = None
    notes: tuple[str, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Hex digest of what the rules come to; their wording and order do not matter."""
        digest = hashlib.sha256()
        for name, rows in (("candidates", self.candidates()),):
            digest.update(name.encode() + b":")
            digest.update(b"all" if rows is None else rows.astype("<i8").tobytes())
        return digest.hexdigest()

    @property
    def bytes(self) -> int:
        """Memory that it holds."""
        return sum(rows.nbytes for rows in (self.allow, self.deny) if rows is not None)

    def candidates(self) -> Rows | None:
        """Item rows that are open to everyone, sorted; None where that is all of them."""
        if self.allow is None:
            # Without the number of items the complement cannot be named: the sign tells it apart.
            return None if self.deny is None or not self.deny.size else -1 - self.deny
        return self.allow if self.deny is None else np.setdiff1d(self.allow, self.deny)

    def row_bytes(self, rows: Rows) -> Rows:
        """Extra memory of each of the user `rows` while its block is worked on: int64 array."""
        return np.zeros(len(rows), np.int64)


def prepare(
    rules: Sequence[Rule] | Prepared, recommender: Shelf, *, unknown: Policy = "stop"
) -> Prepared:
    """Read, resolve and check `rules` for a model.

    Parameters
    ----------
    rules : sequence of Rule
        What was prepared already is returned as it is.
    recommender : Recommender
        The model.
    unknown : {"stop", "report"}
        What to do about ids that the model does not know: raise, or leave them out and report
        them.

    Raises
    ------
    UnknownIdError
        A rule names an item that the model does not know.
    InvalidInputError
        A Where without an item table, or whose expression does not fit it.
    """
    if isinstance(rules, Prepared):
        return rules
    if unknown not in get_args(Policy):
        raise InvalidInputError(f"unknown is {unknown!r}, expected 'stop' or 'report'")
    allow, deny = resolve(rules, recommender)
    return Prepared(len(rules), allow, deny)


def resolve(rules: Sequence[Rule], shelf: Shelf) -> tuple[Rows | None, Rows | None]:
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
