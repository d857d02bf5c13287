"""Signals that need no model of their own: taste in words, and how well known an item is."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.profile import UserProfile
from llm_layer.rerank import Ranked, Usage, Wish, checked, directions, spread
from llm_layer.reranking.documents import Documents
from llm_layer.reranking.ordering import ranked_by
from llm_layer.retrieve import Candidates
from recsys.errors import InvalidInputError
from recsys.recommender import Recommender

Floats = npt.NDArray[np.float64]
_NO_VECTORS = "the model has no sentence vectors"


class BiEncoderReranker:
    """Cosine of the sentence vectors of wish and item; its signal is ``"bi_encoder"``.

    Parameters
    ----------
    rec : Recommender
        With sentence vectors (`item_text`); without, the candidates' order stays.
    facts : ItemFacts
        Of the same recommender.
    documents : Documents, optional
        How wishes are told.
    """

    signals = ("bi_encoder",)

    def __init__(
        self, rec: Recommender, facts: ItemFacts, *, documents: Documents | None = None
    ) -> None:
        self._rec = rec
        self._documents = documents or Documents(facts)

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`."""
        begun = time.perf_counter()
        rows = checked(candidates)
        values, reason = np.full(rows.size, np.nan), ""
        wanted = self._documents.wish(wish, profile)
        if self._rec.content is None:
            reason = _NO_VECTORS
        elif not wanted:
            reason = "nothing is known of what is wanted"
        else:
            asked = self._rec.content.encode([wanted])[0]
            values = np.clip(self._rec.content.item_vectors[rows] @ asked, 0, 1).astype(float)
        return ranked_by(candidates, "bi_encoder", values, reason, usage=_since(begun))


class TasteReranker:
    """Cosine to the mean sentence vector of the visitor's history; its signal is ``"taste"``.

    Parameters
    ----------
    rec : Recommender
        With sentence vectors (`item_text`); without, the candidates' order stays.
    most : int
        So many items of the history, the most important first, >= 1.
    """

    signals = ("taste",)

    def __init__(self, rec: Recommender, *, most: int = 50) -> None:
        if most < 1:
            raise InvalidInputError(f"most is {most}, expected at least 1")
        self._rec = rec
        self._most = most

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`."""
        begun = time.perf_counter()
        rows = checked(candidates)
        values, reason = np.full(rows.size, np.nan), ""
        if self._rec.content is None:
            reason = _NO_VECTORS
        elif not profile.history:
            reason = "the visitor has no history"
        else:
            vectors = self._rec.content.item_vectors
            mean = vectors[list(profile.history[: self._most])].mean(axis=0, keepdims=True)
            values = np.clip(vectors[rows] @ directions(mean)[0], 0, 1).astype(float)
        return ranked_by(candidates, "taste", values, reason, usage=_since(begun))


class PopularityReranker:
    """Logarithm of how many chose an item; its signal is ``"popularity"``.

    Parameters
    ----------
    rec : Recommender
        Whose interactions are counted.
    """

    signals = ("popularity",)

    def __init__(self, rec: Recommender) -> None:
        counts = np.bincount(rec.interactions.matrix.indices, minlength=len(rec.items))
        self._known = np.log1p(counts)

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`."""
        begun = time.perf_counter()
        values = spread(self._known[checked(candidates)])
        return ranked_by(candidates, "popularity", values, usage=_since(begun))


def _since(begun: float) -> Usage:
    return Usage(milliseconds=(time.perf_counter() - begun) * 1e3)
