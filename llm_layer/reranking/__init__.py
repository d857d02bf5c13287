"""Rerankers beyond the blend, and the fusion that weighs them all.

Each takes candidates and gives :class:`~llm_layer.rerank.Ranked`. A signal is worth what it shows
on held-out data, and no more: see :func:`fit_fusion`.
"""

from __future__ import annotations

from llm_layer.rerank import BlendReranker, BlendWeights, Ranked, Reranker, Usage, Wish
from llm_layer.reranking.budget import Budget, Price
from llm_layer.reranking.cache import AnswerCache
from llm_layer.reranking.cross_encoder import CrossEncoderReranker
from llm_layer.reranking.documents import Documents
from llm_layer.reranking.fitting import Example, fit_fusion
from llm_layer.reranking.fusion import (
    FitReport,
    Fusion,
    FusionReranker,
    SignalReranker,
    Verdict,
)
from llm_layer.reranking.listwise import ListwiseReranker
from llm_layer.reranking.neighbours import NeighbourReranker
from llm_layer.reranking.pointwise import PointwiseReranker
from llm_layer.reranking.signals import BiEncoderReranker, PopularityReranker, TasteReranker
from llm_layer.reranking.trials import Trial, trials

__all__ = [
    "AnswerCache",
    "BiEncoderReranker",
    "BlendReranker",
    "BlendWeights",
    "Budget",
    "CrossEncoderReranker",
    "Documents",
    "Example",
    "FitReport",
    "Fusion",
    "FusionReranker",
    "ListwiseReranker",
    "NeighbourReranker",
    "PointwiseReranker",
    "PopularityReranker",
    "Price",
    "Ranked",
    "Reranker",
    "SignalReranker",
    "TasteReranker",
    "Trial",
    "Usage",
    "Verdict",
    "Wish",
    "fit_fusion",
    "trials",
]
