"""Rerankers beyond the blend, and the fusion that weighs them all.

Each takes candidates and gives :class:`~llm_layer.rerank.Ranked`. A signal is worth what it shows
on held-out data, and no more: see :func:`fit_fusion`.
"""

from __future__ import annotations

from llm_layer.rerank import BlendReranker, BlendWeights, Ranked, Reranker, Usage, Wish
from llm_layer.reranking.budget import Budget, Price
from llm_layer.reranking.cache import AnswerCache
from llm_layer.reranking.documents import Documents
from llm_layer.reranking.listwise import ListwiseReranker
from llm_layer.reranking.pointwise import PointwiseReranker

__all__ = [
    "AnswerCache",
    "BlendReranker",
    "BlendWeights",
    "Budget",
    "Documents",
    "ListwiseReranker",
    "PointwiseReranker",
    "Price",
    "Ranked",
    "Reranker",
    "Usage",
    "Wish",
]
