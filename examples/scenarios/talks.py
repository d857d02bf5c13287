"""Conversations and what is expected of them, read from TOML and checked reply by reply.

Beside what a turn states, every reply has to be grounded, in the language of the talk, free of the
words that the scenario never wants to hear, and must not recommend anything that the scenario
never wants to show or that was recommended or taken before.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from llm_layer import Concierge, Domain, Reply
from llm_layer.text import QUOTED, Language, has_chinese
from recsys.catalogue import Catalogue
from recsys.errors import InvalidInputError
from recsys.rules.conditions import holds


@dataclass(frozen=True)
class Turn:
    """A message and what is expected of the reply.

    Attributes
    ----------
    say : str
        The message.
    least, most : int or None
        So many items are recommended.
    every, some : tuple of str
        Conditions of :mod:`recsys.rules.expression` that every recommended item meets, or one.
    lower, higher : tuple of str
        Columns in which every recommended item is below, or above, the mean of the list before.
    text : tuple of str
        What the reply says, whatever its capitals; ``a|b`` is one of both.
    without : tuple of str
        What it does not say.
    policy : str
        Name of a policy of the domain whose words stand in the reply.
    names : tuple of str
        Ids of items that the reply names.
    accepts : int or None
        Place in the list before of the item that counts as taken from now on.
    again : bool
        Items may be recommended that were before.
    """

    say: str
    least: int | None = None
    most: int | None = None
    every: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    higher: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    policy: str = ""
    names: tuple[str, ...] = ()
    accepts: int | None = None
    again: bool = False


@dataclass(frozen=True)
class Talk:
    """A conversation.

    Attributes
    ----------
    name : str
        What it is about.
    language : {"en", "zh"}
        Of the messages, and so of the replies.
    turns : tuple of Turn
    user : int or None
        Who speaks; a visitor otherwise.
    likes : tuple of str
        For a visitor: ids of items they like.
    age : int or None
        Their age, where the business knows it.
    """

    name: str
    language: Language
    turns: tuple[Turn, ...]
    user: int | None = None
    likes: tuple[str, ...] = ()
    age: int | None = None


@dataclass(frozen=True)
class Talks:
    """The conversations of a scenario.

    Attributes
    ----------
    talks : tuple of Talk
    always : tuple of str
        Conditions that whatever is recommended meets.
    never : dict of str to tuple of str
        For each language, what no reply says.
    """

    talks: tuple[Talk, ...]
    always: tuple[str, ...] = ()
    never: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """One expectation and how it came out.

    Attributes
    ----------
    expected : str
        What was expected.
    found : str
        What was found instead; empty where the expectation was met.
    """

    expected: str
    found: str = ""


@dataclass(frozen=True)
class Held:
    """A turn that was held."""

    talk: Talk
    turn: Turn
    reply: Reply
    verdicts: tuple[Verdict, ...]

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """Expectations that were not met."""
        return tuple(verdict for verdict in self.verdicts if verdict.found)


def read_talks(path: Path) -> Talks:
    """Read a file of talks.

    Raises
    ------
    InvalidInputError
        It has a key that is not known.
    """
    data = tomllib.loads(path.read_text("utf-8"))
    talks = []
    for entry in data.pop("talk"):
        where = f"{path.name}, talk {entry.get('name')!r}"
        turns = tuple(_made(Turn, turn, where) for turn in entry.pop("turn"))
        talks.append(_made(Talk, {**entry, "turns": turns}, where))
    never = {language: tuple(parts) for language, parts in data.pop("never", {}).items()}
    return _made(Talks, {**data, "talks": tuple(talks), "never": never}, path.name)


def _made(kind: Any, entry: Mapping[str, Any], where: str) -> Any:
    known = {each.name for each in fields(kind)}
    if strange := sorted(set(entry) - known):
        raise InvalidInputError(
            f"{where}: {strange[0]!r} is not known; expected some of {', '.join(sorted(known))}"
        )
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in entry.items()
        }
    )


class Listener:
    """Holds the talks of a scenario and judges every reply.

    Parameters
    ----------
    concierge : Concierge
        Of the business.
    talks : Talks
        What is said, and what is expected.
    """

    def __init__(self, concierge: Concierge, talks: Talks) -> None:
        catalogue = concierge.rec.catalogue
        if catalogue is None:
            raise InvalidInputError("the recommender has no item table; fit it with items=...")
        self._concierge, self._talks = concierge, talks
        self._items = _Items(catalogue)

    def hold(self, talk: Talk) -> Iterator[Held]:
        """The turns of a talk, one after the other."""
        opened = self._open(talk)
        taken = set(talk.likes)
        if talk.user is not None:
            taken |= set(self._concierge.rec.history(talk.user).column("item_id").to_pylist())
        before: tuple[Any, ...] = ()
        for turn in talk.turns:
            reply = opened.say(turn.say)
            accepted = self._concierge.facts.items(opened.state.accepted)
            verdicts = [
                *self._promised(talk, turn, reply, taken),
                *self._shown(turn, reply, before),
                *self._said(talk, turn, reply),
            ]
            if turn.accepts is not None:
                chosen = before[turn.accepts - 1 : turn.accepts]
                found = "" if set(chosen) <= set(accepted) and chosen else f"taken: {accepted}"
                verdicts.append(Verdict(f"number {turn.accepts} is taken", found))
            yield Held(talk, turn, reply, tuple(verdicts))
            taken |= set(reply.recommended)
            before = reply.recommended or before

    def _open(self, talk: Talk) -> Any:
        known = {} if talk.age is None else {"age": talk.age}
        return self._concierge.open(talk.user, likes=talk.likes, **known)

    def _promised(self, talk: Talk, turn: Turn, reply: Reply, taken: set[Any]) -> Iterator[Verdict]:
        """What holds for every reply."""
        wrong = [f"{claim.kind}: {claim.text}" for claim in reply.grounding.violations]
        yield Verdict("grounded", "" if reply.grounding.ok else "; ".join(wrong))
        is_chinese = has_chinese(QUOTED.sub("", reply.text))
        mixed = talk.language == "zh" and not is_chinese
        spoken = reply.language == talk.language and not mixed
        yield Verdict(f"in {talk.language}", "" if spoken else f"in {reply.language}")
        never = self._talks.never.get(talk.language, ())
        heard = [part for part in never if part.casefold() in reply.text.casefold()]
        yield Verdict("none of the words that are never said", ", ".join(map(repr, heard)))
        for condition in self._talks.always:
            yield self._items.met_by_all(condition, reply)
        if not turn.again:
            twice = [self._items.title(item) for item in reply.recommended if item in taken]
            yield Verdict("nothing twice", ", ".join(twice))

    def _shown(self, turn: Turn, reply: Reply, before: Sequence[Any]) -> Iterator[Verdict]:
        """What is expected of the recommended items."""
        count = len(reply.recommended)
        if turn.least is not None:
            short = f"{count} items" if count < turn.least else ""
            yield Verdict(f"at least {turn.least} items", short)
        if turn.most is not None:
            yield Verdict(f"at most {turn.most} items", f"{count} items" * (count > turn.most))
        for condition in turn.every:
            yield self._items.met_by_all(condition, reply)
        for condition in turn.some:
            found = "none of the items" if not self._items.met(condition, reply).any() else ""
            yield Verdict(f"some item has {condition}", found)
        for column in turn.lower:
            yield self._items.beyond(column, "below", reply.recommended, before)
        for column in turn.higher:
            yield self._items.beyond(column, "above", reply.recommended, before)
        named = {item.id for item in reply.items}
        for item in turn.names:
            title = self._items.title(item)
            yield Verdict(f"names {title}", "" if item in named else "it does not")

    def _said(self, talk: Talk, turn: Turn, reply: Reply) -> Iterator[Verdict]:
        """What is expected of the words."""
        said = reply.text.casefold()
        for part in turn.text:
            found = any(one.casefold() in said for one in part.split("|"))
            yield Verdict(f"says {part!r}", "" if found else "it does not")
        for part in turn.without:
            yield _without(part, reply)
        if turn.policy:
            words = policy_words(self._concierge.domain, turn.policy, talk.language)
            found = bool(words) and words in reply.text
            yield Verdict(f"answers by the policy {turn.policy!r}", "" if found else "it does not")


class _Items:
    """The catalogue, asked about single items."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        ids = catalogue.column(catalogue.item_id).to_pylist()
        self._rows = {item: row for row, item in enumerate(ids)}

    def title(self, item: Any) -> str:
        return self._catalogue.title(self._rows[item])

    def met(self, condition: str, reply: Reply) -> Any:
        """For each recommended item, whether it meets a condition."""
        rows = [self._rows[item] for item in reply.recommended]
        met = holds(condition, self._catalogue.table, self._catalogue.separators)
        return met[np.array(rows, np.int64)]

    def met_by_all(self, condition: str, reply: Reply) -> Verdict:
        met = self.met(condition, reply)
        failing = [
            self.title(item) for item, fits in zip(reply.recommended, met, strict=True) if not fits
        ]
        return Verdict(f"every item has {condition}", "not " * bool(failing) + ", ".join(failing))

    def beyond(self, column: str, side: str, now: Sequence[Any], before: Sequence[Any]) -> Verdict:
        """Whether the items of a list lie on one side of the mean of the list before."""
        expected = f"{column} {side} that of the list before"
        if not now or not before:
            return Verdict(expected, "there is no list")
        mean = float(np.mean(self._numbers(column, before)))
        numbers = self._numbers(column, now)
        fits = max(numbers) < mean if side == "below" else min(numbers) > mean
        return Verdict(expected, "" if fits else f"{numbers}, before: {mean:.4g}")

    def _numbers(self, column: str, items: Sequence[Any]) -> list[float]:
        values = self._catalogue.column(column)
        return [float(values[self._rows[item]].as_py()) for item in items]


def policy_words(domain: Domain, name: str, language: Language) -> str:
    """Fixed words of a policy, empty where the domain has none of that name."""
    for policy in domain.policies:
        if policy.name == name:
            return str(policy.text_zh if language == "zh" else policy.text_en).strip()
    return ""


def _without(part: str, reply: Reply) -> Verdict:
    found = part.casefold() in reply.text.casefold()
    return Verdict(f"does not say {part!r}", f"it says {part!r}" if found else "")
