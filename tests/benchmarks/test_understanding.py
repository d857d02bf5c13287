"""The scorer of understanding, and the thresholds that the rules have to reach."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks import understanding
from benchmarks.understanding import FRESH, REQUESTS, Score, load_requests, pairs

SHOWN = ["Heat (1995)", "Fargo (1996)", "Casablanca (1942)"]
ACTS = {
    "recommend", "constrain", "critique", "more_like", "not_like", "more", "fewer", "accept",
    "reject", "ask", "compare", "why", "profile", "forget", "reset", "greet", "thanks", "bye",
    "correct", "out_of_scope",
}  # fmt: skip


@pytest.mark.parametrize(("path", "least_of_an_act"), [(REQUESTS, 8), (FRESH, 5)])
def test_the_requests_are_as_their_description_says(path: Path, least_of_an_act: int) -> None:
    requests = load_requests(path)
    assert len(requests) == len({request["text"] for request in requests})
    for language in ("en", "zh"):
        named = [
            act
            for request in requests
            if request["language"] == language
            for act in request.get("acts") or [request["act"]]
        ]
        assert set(named) == ACTS
        assert min(map(named.count, ACTS)) >= least_of_an_act
        assert len(named) >= 150


@pytest.mark.parametrize(
    ("label", "read"),
    [
        ({"places": [3]}, {"places": [-1]}),
        ({"about": ["Fargo (1996)"]}, {"places": [2]}),
        ({"unlike": ["Heat (1995)"]}, {"refused": [1]}),
        ({"genres": ["Mystery|Thriller"]}, {"genres": ["Thriller"]}),
        ({"leanings": {"violent|War": -1}}, {"leanings": {"War": -0.4}}),
        ({"no_years": [[None, 1979]]}, {"years": (1980, None)}),
        ({"people": ["Tom Hanks"]}, {"people": ["tom hanks"]}),
        (
            {"ranges": [{"column": "runtime", "low": None, "high": 90}]},
            {"ranges": [{"column": "runtime", "low": None, "high": 89.5}]},
        ),
    ],
)
def test_the_same_said_in_two_ways(label: dict[str, object], read: dict[str, object]) -> None:
    score = Score()
    score.add({"text": "", "act": "ask", "slots": label, "shown": SHOWN}, "ask", read)
    assert score.f1() == score.act_accuracy == 1.0
    assert score.hits.total() == 1


@pytest.mark.parametrize(
    ("label", "read", "f1"),
    [
        ({"genres": ["Comedy"]}, {"genres": ["Comedy", "Horror"]}, 2 / 3),
        ({"genres": ["Comedy", "Horror"]}, {"genres": ["Comedy"]}, 2 / 3),
        ({"genres": ["Comedy"]}, {"no_genres": ["Comedy"]}, 0.0),
        ({"leanings": {"War": -1}}, {"leanings": {"War": 1}}, 0.0),
        ({"years": [1990, 1999]}, {"years": (1990, None)}, 0.0),
        ({"like": ["Alien (1979)"]}, {"unlike": ["Alien (1979)"]}, 0.0),
        (
            {"ranges": [{"column": "price", "low": None, "high": 20}]},
            {"ranges": [{"column": "price", "low": 20, "high": None}]},
            0.0,
        ),
        ({}, {"count": 6}, 0.0),
    ],
)
def test_mistakes_cost(label: dict[str, object], read: dict[str, object], f1: float) -> None:
    score = Score()
    score.add({"text": "x", "acts": ["more", "ask"], "slots": label}, "greet", read)
    assert score.f1() == pytest.approx(f1)
    assert score.act_accuracy == 0
    assert score.confusions == {("more", "greet"): 1}
    assert len(score.mistakes) == 1


def test_what_is_ignored_costs_nothing() -> None:
    assert pairs({"count": 2, "years": [1990, None]}, [], ["count"]) == pairs(
        {"years": [1990, None]}, []
    )


def test_prices_and_times_are_for_every_item() -> None:
    table = understanding.priced(pa.table({"item_id": [1, 2, 3]}))
    assert min(table["price"].to_pylist()) >= 3
    assert min(table["runtime"].to_pylist()) >= 60


@pytest.mark.parametrize("language", ["en", "zh"])
def test_rules_alone_reach_the_thresholds(language: str, ml1m: Path, ml1m_items: pa.Table) -> None:
    requests = [each for each in load_requests() if each["language"] == language]
    plain = understanding.fit(ml1m, ml1m_items)
    with_columns = understanding.fit(ml1m, understanding.priced(ml1m_items))
    score = understanding.measure(requests, plain, with_columns)[language]
    assert score.act_accuracy >= understanding.LEAST_ACTS, score.mistakes
    assert score.f1() >= understanding.LEAST_SLOTS, score.mistakes
