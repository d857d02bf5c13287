"""Signals that need no language model: taste in words, in neighbours, and how well known it is."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import lapack

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


class NeighbourReranker:
    """Learned item-to-item weights, summed over the history; its signal is ``"neighbours"``.

    EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"): each item's column of
    the interactions as a ridge regression on all others, in closed form. Items next to each other
    tell what a few dozen factors are too coarse for. It inverts a dense matrix, so it is fitted to
    the items chosen most often; the rest is not judged. 4,000 items take some seconds and 64 MB.

    Parameters
    ----------
    rec : Recommender
        Whose interactions are read, here and now.
    items : int
        So many items at most, >= 2.
    regularization : float
        Ridge strength, > 0.
    """

    signals = ("neighbours",)

    def __init__(
        self, rec: Recommender, *, items: int = 4000, regularization: float = 500.0
    ) -> None:
        if items < 2 or not regularization > 0:
            raise InvalidInputError(
                f"items is {items} and regularization {regularization}, expected at least 2 and "
                "more than 0"
            )
        matrix = rec.interactions.matrix
        counts = np.bincount(matrix.indices, minlength=len(rec.items))
        often = np.sort(np.argsort(-counts, kind="stable")[:items])
        often = often[counts[often] > 0]
        # Place of each item among those that are judged, -1 for the rest.
        self._place = np.full(len(rec.items), -1)
        self._place[often] = np.arange(often.size)
        self._weights = _ease(sp.csr_matrix(matrix)[:, often], regularization)

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`."""
        begun = time.perf_counter()
        rows = checked(candidates)
        values, reason = np.full(rows.size, np.nan), ""
        known = self._place[list(profile.history)] if profile.history else np.empty(0, int)
        known, ours = known[known >= 0], self._place[rows]
        judged = ours >= 0
        if not known.size:
            reason = "the visitor has no history"
        elif judged.any():
            # The diagonal is 0: what is known adds nothing to itself.
            sums = self._weights[known[:, None], ours[judged]].sum(axis=0, dtype=np.float64)
            values[judged] = spread(sums)
        return ranked_by(candidates, "neighbours", values, reason, usage=_since(begun))


def _ease(matrix: sp.csr_matrix, regularization: float) -> npt.NDArray[np.float32]:
    """Weights B of ``X ~ X B`` with a zero diagonal, X being 1 where there is an interaction."""
    chosen = matrix.astype(np.float64)
    chosen.data[:] = 1.0
    gram = (chosen.T @ chosen).toarray()
    gram[np.diag_indices_from(gram)] += regularization
    # By Cholesky's factor: half of what a general inverse takes.
    factor, failed = lapack.dpotrf(gram.T, lower=True, overwrite_a=True)
    half, also = lapack.dpotri(factor, lower=True, overwrite_c=True)
    if failed or also:
        raise InvalidInputError(
            f"regularization is {regularization}, too little for these interactions; give more"
        )
    inverse = np.tril(half) + np.tril(half, -1).T
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, np.float32)


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
