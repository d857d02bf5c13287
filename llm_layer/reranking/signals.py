"""Signals that need no language model: taste in words, in neighbours, and how well known it is."""

from __future__ import annotations

import time
import warnings
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from llm_layer.facts import ItemFacts
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


class NeighbourReranker:
    """Sum of BM25-weighted similarities to the history; its signal is ``"neighbours"``.

    Item-to-item similarities see what is often chosen together where a few dozen factors are too
    coarse. They are read off the interactions at first use.

    Parameters
    ----------
    rec : Recommender
        Whose interactions are read.
    neighbours : int
        Neighbours kept for each item, >= 1.
    """

    signals = ("neighbours",)

    def __init__(self, rec: Recommender, *, neighbours: int = 200) -> None:
        if neighbours < 1:
            raise InvalidInputError(f"neighbours is {neighbours}, expected at least 1")
        self._rec = rec
        self._neighbours = neighbours

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`."""
        begun = time.perf_counter()
        rows = checked(candidates)
        values, reason = np.full(rows.size, np.nan), ""
        if profile.history:
            known = np.zeros(len(self._rec.items))
            known[list(profile.history)] = 1.0
            values = spread(self._similar[rows] @ known)
        else:
            reason = "the visitor has no history"
        return ranked_by(candidates, "neighbours", values, reason, usage=_since(begun))

    @cached_property
    def _similar(self) -> sp.csr_matrix:
        from implicit.nearest_neighbours import BM25Recommender
        from implicit.utils import ParameterWarning

        model = BM25Recommender(K=self._neighbours, num_threads=1)
        with warnings.catch_warnings():  # it warns of its own matrix
            warnings.simplefilter("ignore", ParameterWarning)
            model.fit(self._rec.interactions.matrix, show_progress=False)
        similar = sp.csr_matrix(model.similarity, dtype=np.float64)
        similar.resize(len(self._rec.items), len(self._rec.items))  # cold items have no neighbours
        return similar


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
