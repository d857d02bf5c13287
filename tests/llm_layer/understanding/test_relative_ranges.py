"""Cheaper, shorter: what was shown is the measure, and nothing dearer comes in its place."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from llm_layer.concierge import Concierge
from llm_layer.conversation import Conversation
from llm_layer.dialogue import State
from llm_layer.domain import COURSES
from llm_layer.understanding.request import Range, Request
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

#: Drawing costs 30 to 35, music 10 to 60.
PRICES = [30.0, 31.0, 32.0, 33.0, 34.0, 35.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
TEACHERS = ["Ilse Marrowby", "Dario Vantongeren"]


@pytest.fixture(scope="module")
def courses() -> Concierge:
    table = pa.table(
        {
            "item_id": list(range(12)),
            "title": [f"Lesson {letter} of it" for letter in "ABCDEFGHIJKL"],
            "genres": ["Drawing"] * 6 + ["Music"] * 6,
            "price": PRICES,
            "teacher": [TEACHERS[at // 6] for at in range(12)],
        }
    )
    seen = np.random.default_rng(2).random((40, 12)) < 0.4
    seen[np.arange(40), np.arange(40) % 12] = True
    users, items = np.nonzero(seen)
    matrix = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), seen.shape)
    events = Interactions.from_csr(matrix, user_ids=list(range(40)), item_ids=list(range(12)))
    model = AlternatingLeastSquares(factors=4, iterations=4, random_state=1, num_threads=1)
    return Concierge(Recommender.fit(events, items=table, model=model), None, domain=COURSES)


def _shown(talk: Conversation, *items: int) -> Conversation:
    talk.state.recommended(talk._concierge.rec.items.rows(list(items)).tolist())
    return talk


def _prices(items: tuple[int, ...]) -> list[float]:
    return [PRICES[item] for item in items]


def test_cheaper_is_below_all_that_was_shown(courses: Concierge) -> None:
    talk = _shown(courses.open(), 9, 11)
    assert max(_prices(talk.say("something cheaper").recommended)) < 40


def test_cheaper_is_below_the_mean_where_nothing_is_below_all(courses: Concierge) -> None:
    """Shown at 10 and 60: nothing is below 10, what is below 35 is meant."""
    state = State()
    state.recommended(courses.rec.items.rows([6, 11]).tolist())
    state.take(Request("cheaper", act="critique", shifts={"price": "lower"}), courses.facts)
    assert state.constraints.ranges == (Range("price", high=34.0, is_relative=True),)
    state = State()
    state.recommended(courses.rec.items.rows([6, 11]).tolist())
    state.take(Request("dearer", act="critique", shifts={"price": "higher"}), courses.facts)
    assert state.constraints.ranges == (Range("price", low=40.0, is_relative=True),)


def test_another_kind_comes_before_anything_dearer(courses: Concierge) -> None:
    """No drawing course is cheaper than 30; the kind is set aside, not the price."""
    talk = courses.open()
    talk.say("a drawing course")
    reply = _shown(talk, 0).say("something cheaper")
    assert reply.recommended
    assert max(_prices(reply.recommended)) < 30
    assert "I set aside the genre" in reply.text
    # A limit in figures is given up first: who names a kind and a price is told what comes near.
    reply = courses.open().say("a drawing course for less than 20 dollars")
    assert set(reply.recommended) <= set(range(6))
    assert "I set aside the numbers" in reply.text
    assert "shortened" not in reply.reason


def test_a_comparison_ends_with_its_kind(courses: Concierge) -> None:
    talk = courses.open()
    talk.say("a music course")
    _shown(talk, 7).say("something cheaper")
    assert talk.state.constraints.ranges
    assert set(talk.say("a drawing course instead").recommended) <= set(range(6))
    assert talk.state.constraints.ranges == ()


@pytest.mark.parametrize(
    ("said", "teacher"),
    [("Who teaches the first one?", TEACHERS[0]), ("第一门的老师是谁？", TEACHERS[0])],
)
def test_who_teaches_is_a_question(courses: Concierge, said: str, teacher: str) -> None:
    reply = _shown(courses.open(), 0, 7).say(said)
    assert teacher in reply.text
    assert reply.recommended == ()


def test_a_rating_of_at_least_is_a_wish(courses: Concierge) -> None:
    request = courses._understanding.read("music courses with a rating of at least 4.3")
    assert request.act != "ask"
    assert request.genres == ("Music",)
