"""Validation on held-out interactions while a model trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from recsys.errors import InvalidInputError
from recsys.evaluation.metrics import METRICS, relevance

if TYPE_CHECKING:
    from recsys.als import AlternatingLeastSquares

__all__ = ["HeldOut"]

_BLOCK_USERS = 2048


class HeldOut:
    """Ranking metrics on held-out interactions, as a ``validation`` for ``fit``.

    All items but the user's training items are ranked, none is sampled, by the model's own exact
    search.

    Parameters
    ----------
    train : csr_matrix, shape (n_users, n_items)
        What the model is trained on; left out of the lists.
    test : csr_matrix, shape (n_users, n_items)
        What was held out; users without an entry are not asked.
    metrics : sequence of str
        ``name@k`` with the names of :data:`recsys.evaluation.metrics.METRICS`. The first one
        decides which sweep is best.
    sample : int, optional
        Ask so many users with held-out items instead of all: faster, noisier.
    seed : int
        Which users `sample` takes.

    Raises
    ------
    InvalidInputError
        Shapes disagree, nothing is held out, an unknown metric or cutoff.

    Examples
    --------
    >>> from recsys.als import AlternatingLeastSquares
    >>> train = sp.csr_matrix([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1.0]])
    >>> test = sp.csr_matrix([[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0.0]])
    >>> model = AlternatingLeastSquares(2, iterations=3, random_state=1, num_threads=1)
    >>> model.fit(train, show_progress=False, validation=HeldOut(train, test, ["recall@2"]))
    >>> [record["validation"] for record in model.history_][-1]
    {'recall@2': 1.0}
    """

    def __init__(
        self,
        train: Any,
        test: Any,
        metrics: Sequence[str] = ("ndcg@20", "recall@20"),
        *,
        sample: int | None = None,
        seed: int = 0,
    ) -> None:
        seen, wanted = sp.csr_matrix(train), sp.csr_matrix(test)
        if seen.shape != wanted.shape:
            raise InvalidInputError(
                f"train has shape {seen.shape} and test {wanted.shape}, expected the same"
            )
        wanted.sort_indices()
        users = np.flatnonzero(np.diff(wanted.indptr))
        if not users.size:
            raise InvalidInputError("test holds no interactions, expected at least one")
        if sample is not None:
            if sample < 1:
                raise InvalidInputError(f"sample is {sample}, expected at least 1 user")
            chosen = np.random.default_rng(seed).permutation(users)[:sample]
            users = np.sort(chosen)
        self._metrics = [(name, *_parsed(name, wanted.shape[1])) for name in metrics]
        if not self._metrics:
            raise InvalidInputError("metrics is empty, expected at least one such as 'ndcg@20'")
        self._users = users
        self._seen, self._test = seen[users], wanted[users]

    def __call__(self, model: AlternatingLeastSquares) -> dict[str, float]:
        """Return each metric's mean over users, in the order given."""
        longest = max(k for _, _, k in self._metrics)
        sums = dict.fromkeys((name for name, _, _ in self._metrics), 0.0)
        for begin in range(0, len(self._users), _BLOCK_USERS):
            block = slice(begin, begin + _BLOCK_USERS)
            test = self._test[block]
            ids, _ = model.recommend(self._users[block], self._seen[block], N=longest)
            relevant = relevance(ids, test)
            counts = np.diff(test.indptr).astype(np.int64)
            for name, metric, k in self._metrics:
                sums[name] += float(METRICS[metric](relevant, counts, k).sum())
        return {name: total / len(self._users) for name, total in sums.items()}


def _parsed(name: str, n_items: int) -> tuple[str, int]:
    metric, at, cutoff = str(name).partition("@")
    if metric not in METRICS or not at or not cutoff.isdigit() or not 1 <= int(cutoff) <= n_items:
        raise InvalidInputError(
            f"metrics holds {name!r}, expected one of {', '.join(METRICS)}, then @ and a list "
            f"length of 1 to {n_items}, such as 'ndcg@20'"
        )
    return metric, int(cutoff)
