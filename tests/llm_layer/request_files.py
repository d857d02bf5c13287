"""Files of messages with their acts and slots, and how well a reader does on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.understanding.request import Request

DATA = Path(__file__).parent / "data"
Slots = set[tuple[str, str]]


def messages(name: str) -> Iterator[tuple[str, str, Slots]]:
    """Text, act and slots of every line of a file."""
    for line in (DATA / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            text, act, slots = [*line.split("\t"), ""][:3]
            found: Slots = set()
            for slot, listed in re.findall(r"(\w+)=(.*?)(?=\s\w+=|$)", slots):
                found |= {(slot, value) for value in listed.split(",") if value}
            yield text, act, found - {("topic", "all")}


def slots_of(request: Request, facts: ItemFacts) -> Slots:
    """Slots of a request, written as in the files."""

    def span(years: tuple[int | None, int | None]) -> str:
        return f"{years[0] or ''}-{years[1] or ''}"

    found: Slots = set()
    for name in ("genres", "no_genres", "people", "no_people"):
        found |= {(name, value) for value in getattr(request, name)}
    for name in ("like", "unlike", "seen", "about"):
        found |= {(name, facts.title(row)) for row in getattr(request, name)}
    for name in ("places", "refused"):
        found |= {(name, str(place)) for place in getattr(request, name)}
    if request.years is not None:
        found.add(("years", span(request.years)))
    found |= {("no_years", span(years)) for years in request.no_years}
    if request.relative and request.years is None:
        found.add(("relative", request.relative))
    if request.count is not None:
        found.add(("count", str(request.count)))
    found |= {("leanings", name + "-+"[value > 0]) for name, value in request.leanings.items()}
    for limit in request.ranges:
        low, high = ("" if end is None else f"{end:g}" for end in (limit.low, limit.high))
        found.add(("ranges", f"{limit.column}:{low}-{high}"))
    found |= {("shifts", f"{column}:{way}") for column, way in request.shifts.items()}
    for name in ("attributes", "no_attributes"):
        for column, values in getattr(request, name).items():
            found |= {(name, f"{column}:{value}") for value in values}
    if request.topic not in ("", "all"):
        found.add(("topic", request.topic))
    if request.act == "critique":
        found |= {("unstated", name) for name in request.unstated}
    return found
