"""What is kept of a person: evidence, and the entries that rest on it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from recsys.errors import InvalidInputError

EvidenceKind: TypeAlias = Literal["message", "search", "view", "fact", "like", "dislike", "seen"]
EntrySource: TypeAlias = Literal["stated", "wish"]
EntryKind: TypeAlias = Literal["fact", "genre", "person", "item", "keyword"]
EVIDENCE_KINDS: tuple[str, ...] = get_args(EvidenceKind)
ENTRY_KINDS: tuple[str, ...] = get_args(EntryKind)


@dataclass(frozen=True)
class Evidence:
    """One thing that a person said or did.

    Attributes
    ----------
    number : int
        Its name within the store.
    kind : str
        One of :data:`EVIDENCE_KINDS`.
    text : str
        Their words, redacted; empty where there are none.
    item : Any
        Outside id of an item that it is about, or None.
    source : str
        Where it comes from: ``"conversation"``, ``"api"`` or a name of the caller's.
    time : float
        Seconds since 1970, UTC.
    """

    number: int
    kind: EvidenceKind
    text: str
    item: Any
    source: str
    time: float

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Entry:
    """One line of a profile: what holds for a person, and what shows it.

    Attributes
    ----------
    number : int
        Its name within the store.
    kind : str
        One of :data:`ENTRY_KINDS`.
    slot : str
        What it is about; of entries of one kind and slot the latest holds: ``"horror"`` for a
        taste in that genre, ``"home"`` for where they live.
    value : Any
        As it reads: a genre, a name, a word, a fact; an outside id for an item.
    strength : float
        From −1 (hate it, or: not so) to 1 (love it, or: so).
    time : float
        When they last said so, seconds since 1970, UTC.
    evidence : tuple of int
        Numbers of the evidence, oldest first; never empty.
    superseded_by : int or None
        Number of a later entry that says otherwise; this one is then kept and not used.
    source : {"stated", "wish"}
        Whether they said so of themselves, or asked for it in a talk.
    """

    number: int
    kind: EntryKind
    slot: str
    value: Any
    strength: float
    time: float
    evidence: tuple[int, ...]
    superseded_by: int | None = None
    source: EntrySource = "stated"

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {**asdict(self), "evidence": list(self.evidence)}


def user_key(user: Any) -> str:
    """Key of a user's id: as in the models, ``"42"`` and ``42`` are one.

    Raises
    ------
    InvalidInputError
        The id is neither a whole number nor a text, or an empty one.

    Examples
    --------
    >>> user_key(42), user_key("ann")
    ('42', 'ann')
    """
    return str(plain_id(user, "user"))


def plain_id(value: Any, what: str) -> int | str:
    """An outside id as JSON can hold it: an int or a str.

    Raises
    ------
    InvalidInputError
        It is neither, or an empty text.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise InvalidInputError(
            f"{what} id is {value!r}, expected a whole number or a text that is not empty"
        )
    try:
        str(value).encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"{what} id {value!r} is no valid text; check its encoding"
        ) from error
    return value


def pack_id(value: Any) -> str | None:
    """An item's id as the store writes it; None stays None."""
    return None if value is None else json.dumps(plain_id(value, "item"))


def unpack_id(text: str | None) -> Any:
    """What :func:`pack_id` packed."""
    return None if text is None else json.loads(text)


def check_time(value: float) -> float:
    """A time in seconds since 1970.

    Raises
    ------
    InvalidInputError
        It is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInputError(f"time is {value!r}, expected seconds since 1970")
    return float(value)
