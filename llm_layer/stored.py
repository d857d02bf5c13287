"""Stored conversations: a state as JSON, with outside ids, and back against a newer model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.constraints import Constraints
from llm_layer.dialogue import DEFAULT_COUNT, State, Wishes
from llm_layer.understanding.request import Question, Range
from recsys.errors import UnknownIdError

_VERSION = 1


def state_to_dict(state: State, facts: ItemFacts) -> dict[str, Any]:
    """A state as JSON knows it: see :meth:`~llm_layer.dialogue.State.to_dict`."""
    return {
        "version": _VERSION,
        "wishes": _wishes_to_dict(state.wishes(), facts),
        "before": _wishes_to_dict(state.before, facts) if state.before is not None else None,
        "shown": facts.items(state.shown),
        "refused": facts.items(sorted(state.refused)),
        "accepted": facts.items(state.accepted),
        "confirmed": facts.items(state.confirmed),
        "last": facts.items(state.last),
        "person": state.person,
        "focus": facts.items([state.focus] if state.focus is not None else []),
        "set_aside": [
            [facts.item(row), list(limits)] for row, limits in state.set_aside.items() if limits
        ],
        "fitting": facts.items(sorted(state.fitting)),
        "said": list(state.said),
        "language": state.language,
        "question": asdict(state.question) if state.question is not None else None,
        "asked": list(state.asked),
        "is_invited": state.is_invited,
        "corrected": list(state.corrected),
        "age": state.age,
    }


def state_from_dict(stored: dict[str, Any], facts: ItemFacts) -> State:
    """The state that was stored: see :meth:`~llm_layer.dialogue.State.from_dict`."""
    state = State()
    state._wish(_wishes_from_dict(stored.get("wishes") or {}, facts))
    before = stored.get("before")
    state.before = _wishes_from_dict(before, facts) if before else None
    state.shown = _rows(stored.get("shown", ()), facts)
    state.refused = set(_rows(stored.get("refused", ()), facts))
    state.accepted = _rows(stored.get("accepted", ()), facts)
    state.confirmed = _rows(stored.get("confirmed", ()), facts)
    state.last = tuple(_rows(stored.get("last", ()), facts))
    state.person = str(stored.get("person", ""))
    state.focus = next(iter(_rows(stored.get("focus", ()), facts)), None)
    for item, limits in stored.get("set_aside", ()):
        state.set_aside.update(dict.fromkeys(_rows([item], facts), tuple(limits)))
    state.set_aside = {row: state.set_aside.get(row, ()) for row in state.shown}
    state.fitting = set(_rows(stored.get("fitting", ()), facts))
    state.said = [str(text) for text in stored.get("said", ())]
    state.language = "zh" if stored.get("language") == "zh" else "en"
    if question := stored.get("question"):
        kept = {name: question[name] for name in ("act", "topic") if name in question}
        state.question = Question(str(question["slot"]), tuple(question["options"]), **kept)
    state.asked = [str(slot) for slot in stored.get("asked", ())]
    state.is_invited = bool(stored.get("is_invited", False))
    state.corrected = [str(text) for text in stored.get("corrected", ())]
    age = stored.get("age")
    state.age = int(age) if age is not None else None
    return state


def _wishes_to_dict(wishes: Wishes, facts: ItemFacts) -> dict[str, Any]:
    return {
        "constraints": asdict(wishes.constraints),
        "like": facts.items(wishes.like),
        "unlike": facts.items(wishes.unlike),
        "mood": wishes.mood,
        "count": wishes.count,
        "leanings": dict(wishes.leanings),
        "pursued": facts.items(wishes.pursued),
        "habits": dict(wishes.habits),
        "turned_down": facts.items(wishes.turned_down),
        "told": facts.items(wishes.told),
    }


def _wishes_from_dict(stored: dict[str, Any], facts: ItemFacts) -> Wishes:
    return Wishes(
        _constraints(stored.get("constraints") or {}, facts),
        tuple(_rows(stored.get("like", ()), facts)),
        tuple(_rows(stored.get("unlike", ()), facts)),
        str(stored.get("mood", "")),
        int(stored.get("count", DEFAULT_COUNT)),
        {str(name): float(value) for name, value in stored.get("leanings", {}).items()},
        tuple(_rows(stored.get("pursued", ()), facts)),
        {str(name): float(value) for name, value in stored.get("habits", {}).items()},
        tuple(_rows(stored.get("turned_down", ()), facts)),
        tuple(_rows(stored.get("told", ()), facts)),
    )


def _constraints(stored: dict[str, Any], facts: ItemFacts) -> Constraints:
    """Limits that the catalogue of today can still check."""
    genres, numbers = set(facts.genre_names), facts.attributes.numbers
    first, last = stored.get("years", (None, None))
    wanted = {
        name: {
            column: tuple(values)
            for column, values in stored.get(name, {}).items()
            if column in facts.attributes.values
        }
        for name in ("attributes", "no_attributes")
    }
    return Constraints(
        genres=tuple(name for name in stored.get("genres", ()) if name in genres),
        no_genres=tuple(name for name in stored.get("no_genres", ()) if name in genres),
        years=(first, last),
        relative=stored.get("relative"),
        people=tuple(stored.get("people", ())),
        all_genres=bool(stored.get("all_genres", True)),
        no_years=tuple((begin, end) for begin, end in stored.get("no_years", ())),
        no_people=tuple(stored.get("no_people", ())),
        ranges=tuple(
            Range(**limit) for limit in stored.get("ranges", ()) if limit["column"] in numbers
        ),
        **wanted,
    )


def _rows(items: Iterable[Any], facts: ItemFacts) -> list[int]:
    """Rows of outside ids; those that the model does not know are left out."""
    found = []
    for item in items:
        try:
            found.append(facts.row(item))
        except UnknownIdError:
            continue
    return found
