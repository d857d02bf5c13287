"""Domains as configuration: words and policies from a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llm_layer.domain import DOMAINS, Domain
from llm_layer.safety.policies import AgeLimit, Hide, Phrases, Policy, Referral
from recsys.errors import InvalidInputError
from recsys.storage import existing_file

_QUOTES = '“”„‟"«»「」『』《》'
_KINDS = {"referral": Referral, "age": AgeLimit, "hide": Hide}


class _File(BaseModel):
    """What stands in a file."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1)
    words: str = "items"
    vocabulary: dict[str, Any] = {}
    policy: list[dict[str, Any]] = []


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
            return _domain(packaged.read_text("utf-8"), f"domain {name}")
        known = ", ".join((*packaged_domains(), *DOMAINS))
        raise InvalidInputError(
            f"domain is {name!r}, expected {known}, or the path of a .toml file"
        )
    path = existing_file(name, "domain")
    try:
        return _domain(path.read_text("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path} is not UTF-8 text ({error.reason})") from error


def _packaged() -> Traversable:
    return resources.files("llm_layer.safety") / "domains"


def _domain(text: str, where: str) -> Domain:
    try:
        file = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{where} is no TOML ({error}); mend that line") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidInputError(f"{where}: {place}: {first['msg']}") from error
    if file.words not in DOMAINS:
        raise InvalidInputError(
            f"{where}: words is {file.words!r}, expected one of {', '.join(DOMAINS)}"
        )
    policies = tuple(
        _policy(entry, f"{where}: policy {at}") for at, entry in enumerate(file.policy, 1)
    )
    return replace(
        DOMAINS[file.words],
        name=file.name,
        policies=policies,
        **_vocabulary(file.vocabulary, where),
    )


def _vocabulary(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {each.name: each for each in fields(Domain) if each.name not in ("name", "policies")}
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
    elif name.startswith("asks_"):
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
