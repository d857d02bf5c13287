"""Alsatian's recommender engine: ALS factors, exact and approximate retrieval, batch jobs.

The public names are loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys.als import AlternatingLeastSquares
    from recsys.als.distributed import DistributedALS
    from recsys.explaining import Explanation
    from recsys.interactions import Interactions
    from recsys.recommender import Recommender
    from recsys.rules import (
        Allow,
        AllowFor,
        Boost,
        Deny,
        DenyFor,
        Diversify,
        MinimumScore,
        NotShown,
        Quota,
        Where,
    )

_HOMES = {
    "AlternatingLeastSquares": "recsys.als",
    "Allow": "recsys.rules",
    "Deny": "recsys.rules",
    "DistributedALS": "recsys.als.distributed",
    "Explanation": "recsys.explaining",
    "Interactions": "recsys.interactions",
    "Recommender": "recsys.recommender",
    "AllowFor": "recsys.rules",
    "Boost": "recsys.rules",
    "DenyFor": "recsys.rules",
    "Diversify": "recsys.rules",
    "MinimumScore": "recsys.rules",
    "NotShown": "recsys.rules",
    "Quota": "recsys.rules",
    "Where": "recsys.rules",
}

__all__ = [
    "Allow",
    "AllowFor",
    "AlternatingLeastSquares",
    "Boost",
    "Deny",
    "DenyFor",
    "DistributedALS",
    "Diversify",
    "Explanation",
    "Interactions",
    "MinimumScore",
    "NotShown",
    "Quota",
    "Recommender",
    "Where",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'recsys' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
