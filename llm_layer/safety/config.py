"""Domains as configuration: words and policies from a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from llm_layer.domain import DOMAINS, Domain
from llm_layer.safety.policies import AgeLimit, Hide, Phrases, Policy, Referral
from recsys.errors import InvalidInputError
from recsys.storage import existing_file

_QUOTES = '“”„‟"«»「」『』《》'
_Parsed = TypeVar("_Parsed")
_KINDS = {"referral": Referral, "age": AgeLimit, "hide": Hide}


class _File(BaseModel):
    """What stands in a file."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1)
    words: str = "items"
    vocabulary: dict[str, Any] = {}
    counterexamples: list[str] = []
    examples_from: list[str] = []
    policy: list[dict[str, Any]] = []


_Examples = TypeAdapter(dict[str, list[str]])
_COUNTEREXAMPLES = "counterexamples"


def packaged_domains() -> tuple[str, ...]:
    """Names of the domain files that come along."""
    folder = _packaged()
    return tuple(
        sorted(Path(each.name).stem for each in folder.iterdir() if each.name[-5:] == ".toml")
    )


def read_domain(source: str | os.PathLike[str]) -> Domain:
    """Read a domain.

    Parameters
    ----------
    source : str or path-like
        Path of a TOML file; the name of a packaged one (see :func:`packaged_domains`), or of words
        alone (``films``, ``books``, ``courses``, ``shop``, ``articles``, ``items``).

    Returns
    -------
    Domain
        With its policies.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InvalidInputError
        The file is no TOML, or an entry is unknown, missing or of the wrong sort.
    """
    name = os.fspath(source)
    if name in DOMAINS:
        return DOMAINS[name]
    if "/" not in name and not name.endswith(".toml"):
        packaged = _packaged() / f"{name}.toml"
        if packaged.is_file():
            return _domain(packaged.read_text("utf-8"), f"domain {name}", Path.cwd())
        known = ", ".join((*packaged_domains(), *DOMAINS))
        raise InvalidInputError(
            f"domain is {name!r}, expected {known}, or the path of a .toml file"
        )
    path = existing_file(name, "domain")
    return _domain(_text(path), str(path), path.parent)


def _packaged(kind: str = "domains") -> Traversable:
    return resources.files("llm_layer.safety") / kind


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path} is not UTF-8 text ({error.reason})") from error


def _parsed(text: str, where: str, validate: Callable[[Any], _Parsed]) -> _Parsed:
    try:
        return validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{where} is no TOML ({error}); mend that line") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidInputError(f"{where}: {place}: {first['msg']}") from error


def _domain(text: str, where: str, folder: Path) -> Domain:
    file = _parsed(text, where, _File.model_validate)
    if file.words not in DOMAINS:
        raise InvalidInputError(
            f"{where}: words is {file.words!r}, expected one of {', '.join(DOMAINS)}"
        )
    policies = [_policy(entry, f"{where}: policy {at}") for at, entry in enumerate(file.policy, 1)]
    counterexamples = list(file.counterexamples)
    for source in file.examples_from:
        examples = _examples(source, where, folder)
        counterexamples += examples.pop(_COUNTEREXAMPLES, [])
        policies = _with_examples(policies, examples, f"{where}: examples_from {source!r}")
    return replace(
        DOMAINS[file.words],
        name=file.name,
        policies=tuple(policies),
        counterexamples=tuple(counterexamples),
        **_vocabulary(file.vocabulary, where),
    )


def _examples(source: str, where: str, folder: Path) -> dict[str, list[str]]:
    """Messages by policy: of a packaged file by its name, of another by its path."""
    if "/" not in source and not source.endswith(".toml"):
        packaged = _packaged("examples") / f"{source}.toml"
        if not packaged.is_file():
            known = sorted(Path(each.name).stem for each in _packaged("examples").iterdir())
            raise InvalidInputError(
                f"{where}: examples_from has {source!r}, expected {', '.join(known)}, or the path "
                "of a .toml file"
            )
        return _parsed(packaged.read_text("utf-8"), source, _Examples.validate_python)
    path = existing_file(folder / source, "file of examples")
    return _parsed(_text(path), str(path), _Examples.validate_python)


def _with_examples(
    policies: Sequence[Policy], examples: Mapping[str, Sequence[str]], where: str
) -> list[Policy]:
    referrals = {each.name for each in policies if isinstance(each, Referral)}
    for name in examples:
        if name not in referrals:
            raise InvalidInputError(
                f"{where} has messages for {name!r}, expected a referral of this domain "
                f"({', '.join(sorted(referrals)) or 'it has none'}) or {_COUNTEREXAMPLES}"
            )
    return [
        replace(each, examples=(*each.examples, *examples.get(each.name, ())))
        if isinstance(each, Referral)
        else each
        for each in policies
    ]


def _vocabulary(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    own = ("name", "policies", _COUNTEREXAMPLES)
    known = {each.name: each for each in fields(Domain) if each.name not in own}
    for name, value in given.items():
        if name not in known:
            raise InvalidInputError(
                f"{where}: vocabulary.{name} is unknown, expected one of {', '.join(known)}"
            )
        wants_list = name in ("kinds", "samples")
        if isinstance(value, list) != wants_list or not isinstance(value, (str, list)):
            raise InvalidInputError(
                f"{where}: vocabulary.{name} is {value!r}, expected "
                f"{'a list' if wants_list else 'a text'}"
            )
    return {
        name: tuple(tuple(each) if isinstance(each, list) else each for each in value)
        if isinstance(value, list)
        else value
        for name, value in given.items()
    }


def _policy(entry: dict[str, Any], where: str) -> Policy:
    kind = entry.pop("kind", None)
    if kind not in _KINDS:
        raise InvalidInputError(f"{where}: kind is {kind!r}, expected one of {', '.join(_KINDS)}")
    made = _KINDS[kind]
    known = {each.name: each for each in fields(made)}
    entry.setdefault("name", kind)
    for name, value in entry.items():
        if name not in known:
            raise InvalidInputError(
                f"{where}: {name} is unknown for kind {kind!r}, expected {', '.join(known)}"
            )
        _check(name, value, where)
    given = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    try:
        policy: Policy = made(**given)
    except TypeError as error:  # names what is missing
        raise InvalidInputError(f"{where}: {str(error).partition(' ')[2]}") from error
    if isinstance(policy, Referral):
        Phrases((*policy.asks_en, *policy.asks_zh))
    return policy


_CHOICES = {"then": ("stop", "offer"), "unknown": ("hide", "show")}


def _check(name: str, value: Any, where: str) -> None:
    """Refuse a value of the wrong sort."""
    if name in _CHOICES:
        right, expected = value in _CHOICES[name], " or ".join(_CHOICES[name])
    elif name == "urgent":
        right, expected = isinstance(value, bool), "true or false"
    elif name == "examples" or name.startswith("asks_"):
        right = isinstance(value, list) and all(isinstance(each, str) for each in value)
        expected = "a list of texts"
    elif name.endswith("_age"):
        right, expected = type(value) is int and 0 <= value <= 150, "a whole number of years"
    else:
        right, expected = isinstance(value, str) and bool(value.strip()), "a text"
    if right and name.startswith("text_") and any(sign in _QUOTES for sign in value):
        right, expected = False, "a text without quotation marks (they mark titles)"
    if not right:
        raise InvalidInputError(f"{where}: {name} is {value!r}, expected {expected}")
