"""Rules written in a file, for those who run jobs from a scheduler.

TOML or JSON, told apart by the ending. TOML has a table ``[[rule]]`` for each rule, JSON a list of
objects (alone, or under the name ``rule``). A rule is named by its kind, and its other fields are
those of its class::

    [[rule]]
    deny = "withdrawn.parquet"

    [[rule]]
    where = "in_stock and country in ('DE', 'AT')"

    [[rule]]
    not_shown = "impressions.parquet"
    days = 14

    [[rule]]
    boost = "margin >= 0.3"
    factor = 1.2

    [[rule]]
    boost = "stock"
    add = "margin"

    [[rule]]
    quota = "brand"
    most = 3

Paths are relative to the file.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from recsys.errors import InvalidInputError
from recsys.rules.kinds import (
    Allow,
    AllowFor,
    Boost,
    Deny,
    DenyFor,
    Diversify,
    MinimumScore,
    NotShown,
    Quota,
    Rule,
    Where,
)
from recsys.storage import existing_file

# By the name of the field that says the kind: the class, what the field is, and the other fields
# with their types and whether they have to be there.
_NUMBER = (int, float)
_AMOUNT = (int, float, str)  # a text is the name of a column
_KINDS: dict[str, tuple[Any, Any, dict[str, tuple[Any, bool]]]] = {
    "allow": (Allow, (str, list), {}),
    "deny": (Deny, (str, list), {}),
    "allow_for": (AllowFor, str, {}),
    "deny_for": (DenyFor, str, {}),
    "not_shown": (NotShown, str, {"days": (_NUMBER, True), "now": (None, False)}),
    "where": (Where, str, {}),
    "minimum_score": (MinimumScore, _NUMBER, {}),
    "boost": (Boost, str, {"factor": (_AMOUNT, False), "add": (_AMOUNT, False)}),
    "quota": (Quota, str, {"most": (int, True)}),
    "diversify": (Diversify, _NUMBER, {"pool": (int, False), "by": (str, False)}),
}
_PATHS = {"allow", "deny", "allow_for", "deny_for", "not_shown"}


def read_rules(path: Path) -> list[Rule]:
    """Read the rules of a file.

    Parameters
    ----------
    path : Path
        ``.toml`` or ``.json``.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InvalidInputError
        It is neither, or a rule in it is none; the rule's place is named.
    """
    file = existing_file(path, "rules file")
    try:
        text = file.read_text("utf-8")
        value = tomllib.loads(text) if file.suffix.lower() == ".toml" else json.loads(text)
    except (ValueError, UnicodeDecodeError) as error:
        kind = "TOML" if file.suffix.lower() == ".toml" else "JSON"
        raise InvalidInputError(f"rules file {file} is not {kind}: {error}") from error
    rules = value.get("rule") if isinstance(value, dict) else value
    if not isinstance(rules, list) or (isinstance(value, dict) and set(value) != {"rule"}):
        raise InvalidInputError(
            f"rules file {file} has no list of rules; expected [[rule]] tables, or a JSON list"
        )
    return [
        _rule(entry, f"rules file {file}, rule {at + 1}", file) for at, entry in enumerate(rules)
    ]


def _rule(entry: Any, where: str, file: Path) -> Rule:
    kinds = [name for name in _KINDS if isinstance(entry, dict) and name in entry]
    if len(kinds) != 1:
        raise InvalidInputError(
            f"{where} names {'no kind' if not kinds else ' and '.join(kinds)}; expected one of "
            f"{', '.join(_KINDS)}"
        )
    [kind] = kinds
    make, type_of, fields = _KINDS[kind]
    _check(entry[kind], type_of, kind, where)
    for name, value in entry.items():
        if name == kind:
            continue
        if name not in fields:
            known = f"{kind} has {', '.join(fields)}" if fields else f"{kind} has none besides"
            raise InvalidInputError(f"{where} has the unknown field {name!r}; {known}")
        if fields[name][0] is not None:
            _check(value, fields[name][0], name, where)
    missing = [name for name, (_, needed) in fields.items() if needed and name not in entry]
    if missing:
        raise InvalidInputError(f"{where}: {kind} needs {', '.join(missing)}")
    value = entry[kind]
    if kind in _PATHS and isinstance(value, str):
        value = file.parent / value
    rest = {name: entry[name] for name in fields if name in entry}
    rule: Rule = make(value, **rest)
    return rule


def _check(value: Any, type_of: Any, name: str, where: str) -> None:
    if isinstance(value, type_of) and not isinstance(value, bool):
        return
    _mismatch(value, type_of, name, where)


def _mismatch(value: Any, type_of: Any, name: str, where: str) -> NoReturn:
    words = {str: "a text", list: "a list", int: "a whole number", float: "a number"}
    types = type_of if isinstance(type_of, tuple) else (type_of,)
    expected = " or ".join(words[one] for one in types if not (one is int and float in types))
    raise InvalidInputError(f"{where}: {name} is {value!r}, expected {expected}")
