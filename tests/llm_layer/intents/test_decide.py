"""When the model of intents is heard, and when the rules are."""

from __future__ import annotations

from typing import get_args

import pytest

from llm_layer.intents.decide import LEAST, decided
from llm_layer.intents.model import Verdict
from llm_layer.intents.observe import Observation
from llm_layer.understanding.request import Act

ACTS: tuple[Act, ...] = get_args(Act)


def verdict(act: Act, probability: float, second: Act = "recommend") -> Verdict:
    rest = 1 - probability
    others = dict.fromkeys(ACTS, rest * 0.5 / (len(ACTS) - 2))
    shares = others | {second: rest * 0.5, act: probability}
    return Verdict(act, probability, shares)


def seen(ruled: Act, by: str) -> Observation:
    return Observation("as it was said", (), ruled, by)


def test_the_model_decides_where_no_phrase_does() -> None:
    assert decided(seen("recommend", "wish"), verdict("accept", 0.6)) == "accept"
    assert decided(seen("out_of_scope", "outside"), verdict("ask", 0.6)) == "ask"


def test_a_phrase_is_outweighed_by_likelihood_alone() -> None:
    assert decided(seen("critique", "list"), verdict("compare", 0.5, "critique")) == "critique"
    assert decided(seen("critique", "list"), verdict("compare", 0.9, "critique")) == "compare"


@pytest.mark.parametrize("act", LEAST)
def test_what_cannot_be_taken_back_needs_evidence(act: Act) -> None:
    least = LEAST[act]
    second: Act = "accept"
    assert decided(seen("recommend", "wish"), verdict(act, least - 0.01, second)) != act
    assert decided(seen("recommend", "wish"), verdict(act, least + 0.01, second)) == act


def test_a_wish_is_no_small_talk() -> None:
    wish = Observation("1980 or later", ("limits",), "constrain", "wish")
    assert decided(wish, verdict("bye", 0.7, "constrain")) == "constrain"
    assert decided(seen("constrain", "wish"), verdict("bye", 0.7, "constrain")) == "bye"


def test_whoever_asks_for_anything_gets_a_list() -> None:
    asked = Observation("what can i watch", ("asking", "in scope"), "recommend", "wish")
    assert decided(asked, verdict("ask", 0.6)) == "recommend"
    open_to_all = Observation("i don't care", ("open",), "recommend", "wish")
    assert decided(open_to_all, verdict("bye", 0.6)) == "recommend"


def test_whoever_may_want_to_be_forgotten_sees_what_is_known() -> None:
    assert decided(seen("recommend", "wish"), verdict("forget", 0.7)) == "profile"


def test_a_phrase_for_deletion_is_always_heard() -> None:
    assert decided(seen("forget", "talk"), verdict("profile", 0.99)) == "forget"


def test_rules_stand_where_the_model_has_no_idea() -> None:
    flat = Verdict("bye", 1 / len(ACTS), dict.fromkeys(ACTS, 1 / len(ACTS)))
    assert decided(seen("recommend", "wish"), flat) == "recommend"
