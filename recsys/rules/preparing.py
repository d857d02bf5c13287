"""Rules made ready: files read, ids resolved, contradictions found, once for a job."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.catalogue import Catalogue
from recsys.errors import InvalidInputError
from recsys.ids import IdMap
from recsys.rules.conditions import matching
from recsys.rules.kinds import Allow, AllowFor, Deny, DenyFor, NotShown, Rule, Where
from recsys.rules.pairs import allowed_by_all, either, read_pairs
from recsys.rules.prepared import Prepared
from recsys.rules.scoring import scoring_fields
from recsys.rules.sources import Ledger, Policy, column_of, find, name_of, note_repeats, table_of

if TYPE_CHECKING:
    from recsys.recommender import Recommender

Rows: TypeAlias = npt.NDArray[np.int64]
_KINDS = get_args(Rule)


class Shelf(Protocol):
    """What rules about items are resolved against."""

    @property
    def items(self) -> IdMap:
        """Items that can be recommended."""
        ...

    @property
    def catalogue(self) -> Catalogue | None:
        """Attributes of the items."""
        ...


def prepare(
    rules: Sequence[Rule] | Prepared,
    recommender: Recommender,
    *,
    unknown: Policy = "stop",
    contradictions: Policy = "stop",
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
    contradictions : {"stop", "report"}
        What to do where the rules leave nothing for anyone: raise, or report it. Where they
        leave nothing for some users only, that is always reported.

    Returns
    -------
    Prepared

    Raises
    ------
    UnknownIdError
        A rule names an item or a user that the model does not know.
    InputNotFoundError
        The file of a rule does not exist.
    InvalidInputError
        A rule that does not fit the model: ids of another type, nulls, a missing column, a
        condition on the item table without one; rules that contradict each other; or rules
        prepared for a model of another size.
    """
    if isinstance(rules, Prepared):
        rules.check_model(len(recommender.users), len(recommender.items))
        return rules
    for name, value in (("unknown", unknown), ("contradictions", contradictions)):
        if value not in get_args(Policy):
            raise InvalidInputError(f"{name} is {value!r}, expected 'stop' or 'report'")
    named = _named(rules)
    ledger = Ledger(unknown)
    sets = _item_sets(named, recommender, ledger)
    fields: dict[str, Any] = {"count": len(named), "n_items": len(recommender.items)}
    fields["n_users"] = len(recommender.users)
    fields["factors"] = int(recommender.item_factors.shape[1])
    fields["allow"], fields["deny"] = _join(sets)
    made = Prepared(**fields)
    is_open = made.open_items()
    if sets and not is_open.any():
        _nothing_left(sets, contradictions, ledger)
    personal = [(name, rule) for name, rule in named if isinstance(rule, _PERSONAL)]
    if personal:
        fields |= _personal(personal, recommender, is_open, ledger)
        _note_stranded(fields, [name for name, _ in named], is_open, ledger)
    fields |= scoring_fields(named, recommender, ledger)
    report = {"unknown": ledger.unknown, "contradictions": ledger.contradictions}
    return Prepared(**fields, notes=tuple(ledger.notes), report=report)


_PERSONAL = (AllowFor, DenyFor, NotShown)
# Name of a rule, its rows, and whether they are the only ones (or those that are not).
_ItemSet: TypeAlias = tuple[str, Rows, bool]


def resolve(rules: Sequence[Rule], shelf: Shelf) -> tuple[Rows | None, Rows | None]:
    """Turn Allow, Deny and Where into item rows.

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
        A Where without an item table, or whose expression does not fit it; a rule of another
        kind, which is more than item rows.
    """
    named = _named(rules)
    for name, rule in named:
        if not isinstance(rule, Allow | Deny | Where):
            raise InvalidInputError(f"{name} does not come to item rows alone; use prepare")
    return _join(_item_sets(named, shelf, Ledger("stop")))


def _named(rules: Sequence[Rule]) -> list[tuple[str, Rule]]:
    given: Any = rules
    if isinstance(given, _KINDS):
        raise InvalidInputError(f"rules is the single rule {rules!r}; put it into a list")
    for rule in given:
        if not isinstance(rule, _KINDS):
            expected = ", ".join(kind.__name__ for kind in _KINDS)
            raise InvalidInputError(
                f"rule {rule!r} is a {type(rule).__name__}, expected one of {expected}"
            )
    return [(name_of(rule, place), rule) for place, rule in enumerate(rules, 1)]


def _item_sets(named: Sequence[tuple[str, Rule]], shelf: Shelf, ledger: Ledger) -> list[_ItemSet]:
    sets = []
    for name, rule in named:
        if isinstance(rule, Allow | Deny):
            sets.append((name, _listed(rule, name, shelf.items, ledger), isinstance(rule, Allow)))
        elif isinstance(rule, Where):
            sets.append((name, matching(rule.expression, shelf.catalogue, name), True))
    return sets


def _join(sets: Sequence[_ItemSet]) -> tuple[Rows | None, Rows | None]:
    allow: Rows | None = None
    deny: Rows | None = None
    for _, rows, only in sets:
        if only:
            allow = rows if allow is None else np.intersect1d(allow, rows, assume_unique=True)
        else:
            deny = rows if deny is None else np.union1d(deny, rows)
    return allow, deny


def _listed(rule: Allow | Deny, name: str, items: IdMap, ledger: Ledger) -> Rows:
    values = rule.items
    if isinstance(values, str | os.PathLike):
        values = column_of(table_of(Path(values), name, {"item_id": items}), "item_id", name)
    rows = find(values, items, name, ledger)
    rows = rows[rows >= 0]
    distinct = np.unique(rows)
    note_repeats(rows.size, distinct.size, name, ledger)
    return distinct


def _personal(
    named: Sequence[tuple[str, Rule]],
    recommender: Recommender,
    is_open: npt.NDArray[np.bool_],
    ledger: Ledger,
) -> dict[str, Any]:
    """Fields of `Prepared` that are about single users."""
    users, items = recommender.users, recommender.items
    denied: sp.csr_matrix | None = None
    shown: sp.csr_matrix | None = None
    allowed = []
    for name, rule in named:
        assert isinstance(rule, _PERSONAL)
        matrix, rows = read_pairs(rule, name, users, items, ledger)
        if isinstance(rule, AllowFor):
            allowed.append((matrix, rows))
        elif isinstance(rule, DenyFor):
            denied = either(denied, matrix)
        else:
            shown = either(shown, matrix)
    fields: dict[str, Any] = {"denied": denied, "shown": shown}
    if allowed:
        only, fields["confined"] = allowed_by_all(allowed, len(users), len(items))
        if not is_open.all():
            only.data = is_open[only.indices].astype(np.int8)
            only.eliminate_zeros()
        fields["only"] = only
    return fields


def _nothing_left(sets: Sequence[_ItemSet], policy: Policy, ledger: Ledger) -> None:
    """Tell which rules contradict each other, if they leave nothing to anyone."""
    empty = [name for name, rows, only in sets if only and not rows.size]
    names = empty[:1] or [name for name, _, _ in sets]
    verb = "leaves" if len(names) == 1 else "together leave"
    message = f"{' and '.join(names)} {verb} no item to recommend to anyone"
    if policy == "stop":
        raise InvalidInputError(f"{message}; drop or mend one of the rules")
    ledger.notes.append(message)
    ledger.contradictions.append({"rules": names, "users": None})


def _note_stranded(
    fields: dict[str, Any], names: list[str], is_open: npt.NDArray[np.bool_], ledger: Ledger
) -> None:
    """Note how many users AllowFor and DenyFor leave with nothing that is open to others."""
    left = np.int64(np.count_nonzero(is_open))
    only: Any = fields.get("only")
    denied, confined = fields.get("denied"), fields.get("confined")
    if not left or (only is None and denied is None):
        return
    if denied is None:
        assert confined is not None
        stranded = confined & (np.diff(only.indptr) == 0)
    else:
        taken = np.asarray(denied @ is_open.astype(np.int64))
        stranded = taken >= left
        if only is not None:
            kept = np.diff(only.indptr) - np.diff(only.multiply(denied).tocsr().indptr)
            stranded = np.where(np.asarray(confined), kept == 0, stranded)
    users = int(np.count_nonzero(stranded))
    if users:
        names = [name for name in names if not name.startswith(NotShown.__name__)]
        verb = "leaves" if len(names) == 1 else "together leave"
        ledger.notes.append(f"{' and '.join(names)} {verb} nothing for {users:,} users")
        ledger.contradictions.append({"rules": names, "users": users})
