"""How good are the recommendations: splits, metrics, intervals, and baselines side by side.

:func:`evaluate_recommenders` does all of it in one call; the parts are usable alone.
"""

from __future__ import annotations

from recsys.evaluation.bootstrap import Estimate, bootstrap_means, estimate, paired_difference
from recsys.evaluation.heldout import HeldOut
from recsys.evaluation.protocols import evaluate, evaluate_recommenders
from recsys.evaluation.rankers import (
    AlsRanker,
    AlsSettings,
    ImplicitRanker,
    PopularityRanker,
    Ranker,
    implicit_als,
    implicit_bm25,
)
from recsys.evaluation.report import Comparison, Report, Result
from recsys.evaluation.splits import Split, leave_last_out, random_split

__all__ = [
    "AlsRanker",
    "AlsSettings",
    "Comparison",
    "Estimate",
    "HeldOut",
    "ImplicitRanker",
    "PopularityRanker",
    "Ranker",
    "Report",
    "Result",
    "Split",
    "bootstrap_means",
    "estimate",
    "evaluate",
    "evaluate_recommenders",
    "implicit_als",
    "implicit_bm25",
    "leave_last_out",
    "paired_difference",
    "random_split",
]
