"""Rerankers behind the facade: what they order is what is offered."""

from __future__ import annotations

import pytest
from reranking_doubles import Reader, by

from llm_layer import Concierge
from llm_layer.catalogue.facts import ItemFacts
from llm_layer.llm.base import LLMTimeoutError
from llm_layer.rerank import BlendReranker
from llm_layer.reranking import (
    Fusion,
    FusionReranker,
    ListwiseReranker,
    NeighbourReranker,
    PopularityReranker,
)
from recsys.recommender import Recommender


def oldest(text: str) -> float:
    return -float(text.split("(")[1][:4]) if "(" in text else 0.0


def offered(concierge: Concierge, message: str) -> list[int]:
    reply = concierge.open(1).say(message)
    assert reply.grounding.ok
    return [item.id for item in reply.items if item.role == "recommended"]


def test_the_first_offers_are_the_reranker_s(rec: Recommender, facts: ItemFacts) -> None:
    llm = Reader(by(oldest))
    reranker = ListwiseReranker(facts, llm, depth=20, window=20)
    found = offered(Concierge(rec, None, reranker=reranker), "three comedies, please")
    years = [facts.year(facts.row(item)) for item in found]
    assert len(found) == 3
    assert years == sorted(years, key=lambda year: year or 0)
    assert "Genres wanted: Comedy" in llm.prompts[0]


@pytest.mark.parametrize("answer", ["nonsense", LLMTimeoutError("late"), '["Z"]'])
def test_a_model_that_fails_changes_no_reply(
    rec: Recommender, facts: ItemFacts, answer: str | Exception
) -> None:
    blend = BlendReranker(rec, facts)
    weights = {"score": 1.0, "genres": 0.6, "profile": 0.2, "listwise": 2.0}
    failing = FusionReranker([blend, ListwiseReranker(facts, Reader(answer))], Fusion(weights))
    weights["listwise"] = 0.0
    without = FusionReranker([blend], Fusion(weights))
    for message in ("three comedies, please", "a drama", "something from the 90s"):
        assert offered(Concierge(rec, None, reranker=failing), message) == offered(
            Concierge(rec, None, reranker=without), message
        )


def test_a_fusion_of_all_that_is_quick(rec: Recommender, facts: ItemFacts) -> None:
    fusion = Fusion({"score": 1.0, "neighbours": 0.5, "popularity": 0.1, "genres": 0.6})
    rerankers = [BlendReranker(rec, facts), NeighbourReranker(rec), PopularityReranker(rec)]
    found = offered(
        Concierge(rec, None, reranker=FusionReranker(rerankers, fusion)), "two comedies"
    )
    assert len(found) == 2
    assert all("Comedy" in facts.genres(facts.row(item)) for item in found)
