"""The generator of mistyped titles, and the list of films that the catalogue lacks."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rapidfuzz.distance import OSA

from benchmarks.titles import Tally, absent_titles, mistyped, parts
from llm_layer.catalogue.titles import TitleIndex
from llm_layer.understanding.request import Request


@pytest.mark.parametrize(("title", "most"), [("Heat", 1), ("The Matrix", 1), ("Blade Runner", 2)])
def test_a_title_is_mistyped_by_few_slips(title: str, most: int) -> None:
    typed = {mistyped(title, random.Random(seed)) for seed in range(50)}
    assert len(typed) > 10
    assert max(OSA.distance(title, each) for each in typed) <= most
    assert all(each[:1] == title[:1] or each[:2] == title[1::-1] for each in typed)


def test_a_long_title_is_cut_where_people_cut_it() -> None:
    assert parts("Star Wars: Episode IV - A New Hope") == ["Star Wars"]
    assert parts("The Curious Case of Benjamin Button") == ["The Curious Case"]
    assert parts("Heat") == []


def test_a_link_is_right_wrong_or_told() -> None:
    tally = Tally()
    tally.add({1}, {1, 2}, Request("a"))
    tally.add({1, 3}, {1, 2}, Request("b"))
    tally.add({3}, set(), Request("c", guessed=(3,)))
    tally.add(set(), set(), Request("d", no_title=("d",)))
    assert (tally.requests, tally.right, tally.wrong, tally.guessed, tally.told) == (4, 1, 1, 1, 1)


def test_the_catalogue_lacks_the_absent_films(ml1m: Path) -> None:
    index = TitleIndex(pq.read_table(ml1m / "items.parquet")["title"].to_pylist())
    listed = absent_titles()
    assert len(listed) == len(set(listed)) == 200
    assert [title for title in listed if index.rows(title)] == []
