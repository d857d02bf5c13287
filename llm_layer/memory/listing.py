"""A profile in lines for people, each entry with the evidence that shows it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.memory.evidence import Entry, Evidence
from llm_layer.profile import Trait, UserProfile
from llm_layer.text import unquoted

_LISTED = 6
_SHOWN = 3
_KINDS = {
    "message": "said",
    "search": "searched for",
    "view": "looked at",
    "fact": "said",
    "like": "said",
    "dislike": "said",
    "seen": "knows",
}


def listing(
    profile: UserProfile,
    facts: ItemFacts,
    evidence: Iterable[Evidence] = (),
    superseded: Iterable[Entry] = (),
) -> list[str]:
    """Lines that tell all entries of a profile, each with its evidence.

    Parameters
    ----------
    profile : UserProfile
        Of one person.
    facts : ItemFacts
        The catalogue it was built against.
    evidence : iterable of Evidence
        What the store keeps of them.
    superseded : iterable of Entry
        Entries that a later one took the place of.

    Returns
    -------
    list of str
        Without line ends.
    """
    known = {one.number: one for one in evidence}
    lines = [f"history: {len(profile.history):,} items"] if profile.history else []
    for name in ("topics", "people", "decades", "keywords"):
        for trait in getattr(profile, name)[:_LISTED]:
            lines.append(f"{trait.kind}: {trait.value}{_why_trait(trait, facts, known)}")
    for entry in profile.entries:
        lines.append(f"{_said(entry, facts)}{_why(entry.evidence, facts, known)}")
    for entry in superseded:
        if entry.superseded_by is not None:
            lines.append(f"no longer: {_said(entry, facts)}{_why(entry.evidence, facts, known)}")
    lines += _style(profile)
    return lines


def _said(entry: Entry, facts: ItemFacts) -> str:
    value = unquoted(str(entry.value))
    if entry.kind == "item":
        rows = facts.found([entry.value])
        value = f"“{facts.title(rows[0])}”" if rows else f"item {value}"
    if entry.kind == "fact":
        return f"states: {value}" if entry.strength > 0 else f"states: not {value}"
    asked = "asks for" if entry.source == "wish" else "likes"
    refused = "asks to leave out" if entry.source == "wish" else "dislikes"
    return f"{asked if entry.strength > 0 else refused}: {value} ({entry.strength:+.1f})"


def _why_trait(trait: Trait, facts: ItemFacts, known: Mapping[int, Evidence]) -> str:
    parts = []
    if trait.share:
        titles = [f"“{facts.title(row)}”" for row in facts.found(trait.evidence[:_SHOWN])]
        parts.append(f"{trait.share:.0%} of the history, such as {', '.join(titles)}")
    parts += _words(trait.sources, facts, known)
    return f" — {'; '.join(parts)}" if parts else ""


def _why(numbers: Iterable[int], facts: ItemFacts, known: Mapping[int, Evidence]) -> str:
    parts = _words(numbers, facts, known)
    return f" — {'; '.join(parts)}" if parts else ""


def _words(numbers: Iterable[int], facts: ItemFacts, known: Mapping[int, Evidence]) -> list[str]:
    """The latest pieces of evidence in words."""
    found = [known[number] for number in numbers if number in known]
    found.sort(key=lambda one: -one.time)
    told = []
    for one in found[:_SHOWN]:
        rows = facts.found([one.item]) if one.item is not None else []
        what = f"“{unquoted(one.text)}”" if one.text else _titled(one.item, rows, facts)
        told.append(f"{_KINDS[one.kind]} {what} on {_day(one.time)} ({unquoted(one.source)})")
    more = len(found) - len(told)
    return [*told, f"and {more} more"] if more > 0 else told


def _titled(item: Any, rows: list[int], facts: ItemFacts) -> str:
    return f"“{facts.title(rows[0])}”" if rows else f"item {unquoted(str(item))}"


def _style(profile: UserProfile) -> list[str]:
    style = profile.style
    if not style.messages:
        return []
    manner = (
        "formal" if style.formality > 0.25 else "casual" if style.formality < -0.25 else "plain"
    )
    parts = [manner, f"{style.length} messages"]
    parts += ["emoji"] if style.emoji else []
    parts += [f"expertise {style.expertise:.1f}"]
    return [f"style: {', '.join(parts)} — {style.messages:.0f} messages, language {style.language}"]


def _day(time: float) -> str:
    try:
        return dt.datetime.fromtimestamp(time, dt.UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return "an unknown day"
