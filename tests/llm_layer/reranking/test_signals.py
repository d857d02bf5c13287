from __future__ import annotations

import numpy as np
import pytest
from reranking_doubles import among

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.profile import UserProfile
from llm_layer.rerank import Wish
from llm_layer.reranking import (
    BiEncoderReranker,
    NeighbourReranker,
    PopularityReranker,
    SignalReranker,
    TasteReranker,
)
from recsys.errors import InvalidInputError
from recsys.recommender import Recommender


class Vectors:
    """Sentence vectors in which every item has a direction of its own."""

    def __init__(self, n: int) -> None:
        self.item_vectors = np.eye(n, dtype=np.float32)
        self.asked: list[str] = []

    def encode(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return (self.item_vectors[3] * 0.8 + self.item_vectors[5] * 0.6)[None]


@pytest.fixture
def vectors(rec: Recommender, monkeypatch: pytest.MonkeyPatch) -> Vectors:
    made = Vectors(len(rec.items))
    monkeypatch.setattr(rec, "content", made)
    return made


def every(rec: Recommender, facts: ItemFacts) -> list[SignalReranker]:
    return [
        BiEncoderReranker(rec, facts),
        TasteReranker(rec),
        NeighbourReranker(rec),
        PopularityReranker(rec),
    ]


def test_each_keeps_every_candidate_and_its_range(
    rec: Recommender, facts: ItemFacts, vectors: Vectors
) -> None:
    profile = UserProfile(history=(3, 7))
    for reranker in every(rec, facts):
        ranked = reranker.rerank(among([9, 3, 5, 1]), Wish(words="dark"), profile)
        assert sorted(ranked.rows) == [1, 3, 5, 9]
        assert set(ranked.parts) == {"score", *reranker.signals}
        assert (np.diff(ranked.scores) <= 0).all()
        for part in ranked.parts.values():
            assert ((part >= 0) & (part <= 1)).all()
        with pytest.raises(InvalidInputError, match="no candidates"):
            reranker.rerank(among([]), Wish(), profile)


def test_without_what_they_need_they_say_so(rec: Recommender, facts: ItemFacts) -> None:
    bi_encoder, taste, neighbours, _ = every(rec, facts)
    for reranker, why in ((bi_encoder, "vectors"), (taste, "vectors"), (neighbours, "history")):
        ranked = reranker.rerank(among([9, 3]), Wish(words="dark"), UserProfile())
        assert ranked.rows.tolist() == [9, 3]
        assert why in ranked.reason
        assert set(ranked.parts) == {"score"}


def test_the_bi_encoder_compares_the_wish(
    rec: Recommender, facts: ItemFacts, vectors: Vectors
) -> None:
    ranked = BiEncoderReranker(rec, facts).rerank(
        among([9, 5, 3]), Wish(words="dark"), UserProfile()
    )
    assert ranked.rows.tolist() == [3, 5, 9]
    np.testing.assert_allclose(ranked.parts["bi_encoder"], [0.8, 0.6, 0.0], atol=1e-6)
    assert vectors.asked == ["Wish: dark"]


def test_taste_is_the_mean_of_the_history(rec: Recommender, vectors: Vectors) -> None:
    profile = UserProfile(history=(3, 5, 9))
    ranked = TasteReranker(rec, most=2).rerank(among([1, 9, 5, 3]), Wish(), profile)
    np.testing.assert_allclose(ranked.parts["taste"], [0.5**0.5] * 2 + [0, 0], atol=1e-6)
    assert ranked.rows.tolist() == [5, 3, 1, 9]


def test_popularity_is_how_many_chose_it(rec: Recommender) -> None:
    counts = np.bincount(rec.interactions.matrix.indices, minlength=len(rec.items))
    ranked = PopularityReranker(rec).rerank(among(range(len(counts))), Wish(), UserProfile())
    assert (np.diff(counts[ranked.rows]) <= 0).all()


def test_parameters_out_of_range(rec: Recommender) -> None:
    for make in (lambda: TasteReranker(rec, most=0), lambda: NeighbourReranker(rec, items=1)):
        with pytest.raises(InvalidInputError):
            make()
