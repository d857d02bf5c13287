"""A language model that keeps the form and lies: no lie is ever read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.lies import CHINESE, ENGLISH, lying_answer
from llm_layer import Concierge
from llm_layer.llm.base import Completion, Message
from recsys.recommender import Recommender


class Liar:
    """Answers in the form that the prompt asks for, with one lie in it."""

    name, languages, constrained = "liar", None, False

    def __init__(self, lie: str, seed: int) -> None:
        self.lie, self.rng = lie, random.Random(seed)
        self.asked = 0

    def complete(self, messages: Sequence[Message], **_: Any) -> Completion:
        self.asked += 1
        text = lying_answer([message.content for message in messages], self.lie, self.rng)
        return Completion(text, "stop", 1, 1, 0.1)


@pytest.mark.parametrize(
    ("message", "lies"),
    [("something for tonight", ENGLISH), ("今晚看什么", CHINESE)],
    ids=["en", "zh"],
)
@pytest.mark.parametrize("seed", [1, 3])
def test_no_lie_is_read(rec: Recommender, message: str, lies: Sequence[str], seed: int) -> None:
    liar = Liar("", seed)
    concierge = Concierge(rec, liar)
    told = []
    for lie in lies:
        liar.lie, liar.asked = lie, 0
        reply = concierge.open(3).say(message)
        assert liar.asked
        assert reply.grounding.ok
        if reply.writer == "llm":
            told.append(reply.text)
    assert told == []


@pytest.mark.parametrize("message", ["a comedy for tonight", "推荐喜剧"])
def test_the_same_form_without_a_lie_is_used(rec: Recommender, message: str) -> None:
    reply = Concierge(rec, Liar("", 1)).open(3).say(message)
    assert reply.writer == "llm", reply.reason
