from __future__ import annotations

import numpy as np
import pytest

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.profile import Profiler, Trait, UserProfile
from llm_layer.rerank import BlendReranker, BlendWeights, Usage, Wish, checked, spread
from llm_layer.retrieve import Candidates
from recsys.errors import InvalidInputError
from recsys.recommender import Recommender


def among(rows: list[int], scores: list[float]) -> Candidates:
    return Candidates(np.array(rows, np.int64), np.array(scores, np.float32), np.ones(8))


@pytest.fixture
def every(facts: ItemFacts) -> Candidates:
    return among(list(range(len(facts))), np.linspace(1, 0, len(facts)).tolist())


def test_no_candidates_are_an_error(rec: Recommender, facts: ItemFacts) -> None:
    with pytest.raises(InvalidInputError, match="no candidates"):
        BlendReranker(rec, facts).rerank(among([], []), Wish(), UserProfile())


@pytest.mark.parametrize(("rows", "scores", "says"), [([1, 1], [2, 1], "twice"), ([1], [], "one")])
def test_broken_candidates_are_an_error(rows: list[int], scores: list[float], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        checked(among(rows, scores))


def test_affinity_is_the_profile_s(rec: Recommender, facts: ItemFacts, every: Candidates) -> None:
    profile = Profiler(facts).profile([3, 4, 0, 9, 9])
    ranked = BlendReranker(rec, facts).rerank(every, Wish(), profile)
    expected = [profile.affinity(facts.genres(row)) for row in ranked.rows]
    np.testing.assert_allclose(ranked.parts["profile"], expected, rtol=1e-12)


def test_likes_are_cosines_to_the_nearest_example(
    rec: Recommender, facts: ItemFacts, every: Candidates
) -> None:
    like = (2, 5)
    ranked = BlendReranker(rec, facts).rerank(every, Wish(like), UserProfile())
    unit = rec.item_factors / np.linalg.norm(rec.item_factors, axis=1, keepdims=True)
    expected = (unit @ unit[list(like)].T).max(axis=1)[ranked.rows].clip(0, 1)
    np.testing.assert_allclose(ranked.parts["like"], expected, atol=1e-5)


def test_weights_decide(rec: Recommender, facts: ItemFacts, every: Candidates) -> None:
    weights = BlendWeights(score=0.0, genres=1.0)
    ranked = BlendReranker(rec, facts, weights).rerank(every, Wish((), ("Comedy",)), UserProfile())
    comedies = [row for row in range(len(facts)) if "Comedy" in facts.genres(row)]
    # Ties keep the candidates' order.
    assert ranked.rows[: len(comedies)].tolist() == comedies
    assert ranked.usage.milliseconds > 0


def test_genres_that_no_item_has_weigh_nothing(
    rec: Recommender, facts: ItemFacts, every: Candidates
) -> None:
    profile = UserProfile(genres=(Trait("genre", "Opera", 1.0, (1,)),))
    ranked = BlendReranker(rec, facts).rerank(every, Wish((), ("Opera",)), profile)
    assert not ranked.parts["genres"].any()
    assert not ranked.parts["profile"].any()
    assert ranked.rows.tolist() == every.rows.tolist()


def test_usage_adds_up() -> None:
    total = Usage(1.0, 1, 0, 10, 2, 0.5) + Usage(2.0, 0, 3, 5, 1, 0.25)
    assert total == Usage(3.0, 1, 3, 15, 3, 0.75)
    assert total.tokens == 18


def test_equal_values_spread_to_one() -> None:
    assert spread([2.0, 2.0]).tolist() == [1.0, 1.0]
    assert spread([1.0, 3.0, 2.0]).tolist() == [0.0, 1.0, 0.5]
