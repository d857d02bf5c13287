"""A host that answers everything but the right thing, over the wire."""

from __future__ import annotations

import os

import numpy as np
import pytest
from reranking_doubles import among

from benchmarks.hostile_server import HostileServer
from llm_layer.catalogue.facts import ItemFacts
from llm_layer.llm import OpenAICompatible
from llm_layer.profile import UserProfile
from llm_layer.rerank import Wish
from llm_layer.reranking import Budget, ListwiseReranker, PointwiseReranker

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("openai")


@pytest.mark.parametrize("make", [ListwiseReranker, PointwiseReranker])
def test_every_candidate_is_kept_and_every_failure_has_a_reason(
    facts: ItemFacts, make: type[ListwiseReranker] | type[PointwiseReranker]
) -> None:
    kinds = set()
    with HostileServer(seed=5, lies=0.3, drip=0.3) as host:
        llm = OpenAICompatible(host.base_url, "m", tries=1)
        reranker = make(facts, llm, timeout=0.2, budget=Budget(tokens=20_000, seconds=2.0))
        for number in range(30):
            rows = np.roll(np.arange(12), number).tolist()
            ranked = reranker.rerank(among(rows), Wish(words=f"wish {number}"), UserProfile())
            assert sorted(ranked.rows) == list(range(12))
            assert (np.diff(ranked.scores) <= 0).all()
            assert "\n" not in ranked.reason
            name = reranker.signals[0]
            if name not in ranked.parts:
                assert ranked.rows.tolist() == rows
                assert ranked.reason
            kinds.add(ranked.reason.split(":")[0])
    assert {"refused", "malformed", "timed out"} <= kinds
