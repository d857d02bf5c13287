"""Explanations: what each item of a history adds to a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.foldin import UserSystem
from recsys.retrieval.base import check_count

if TYPE_CHECKING:
    from recsys.recommender import Recommender


@dataclass(frozen=True)
class Explanation:
    """Why an item has the score it has for a user.

    Attributes
    ----------
    user, item : Any
        Outside ids.
    score : float
        Predicted score of the pair; the contributions of the whole history sum to it.
    contributions : pyarrow.Table
        item_id, weight (as in the interactions), contribution (float64); largest first.
    """

    user: Any
    item: Any
    score: float
    contributions: pa.Table


class Explainer:
    """Takes scores of one user apart; made by :meth:`recsys.recommender.Recommender.explainer`.

    Attributes
    ----------
    user : Any
        Outside id, None for a visitor.
    """

    def __init__(
        self,
        rec: Recommender,
        user: Any,
        rows: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float32],
        system: UserSystem,
    ) -> None:
        self.user = user
        self._rec = rec
        self._rows = rows
        self._weights = weights
        self._system = system

    def explain(self, item: Any, n: int = 10) -> Explanation:
        """The score of `item` and its `n` largest contributions.

        Raises
        ------
        UnknownIdError
            The model knows no such item.
        """
        target = int(self._rec.items.rows([item])[0])
        rows, shares, order = self._shares(target, n)
        listed = pa.table(
            {
                "item_id": self._rec.items.take(rows[order]),
                "weight": pa.array(self._weights[order]),
                "contribution": pa.array(shares[order]),
            }
        )
        return Explanation(self.user, item, float(shares.sum()), listed)

    def largest(self, row: int, n: int = 10) -> list[tuple[int, float]]:
        """As :meth:`explain`, over item rows: the `n` largest as (row, share of the score)."""
        rows, shares, order = self._shares(row, n)
        score = float(shares.sum())
        return [
            (int(rows[at]), float(shares[at]) / max(score, float(shares[at])))
            for at in order
            if shares[at] > 0
        ]

    def _shares(
        self, row: int, n: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        shares = self._system.contributions(self._rec.item_factors[row])
        return self._rows, shares, np.argsort(-shares, kind="stable")[: check_count(n)]
