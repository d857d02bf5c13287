"""What can be evaluated: a ranker learns from interactions and lists items for users.

Three kinds: our own ALS, `implicit`'s models (its ALS beside ours at equal settings, its BM25
item-item model), and popularity, the baseline that any personal model has to beat.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.als import AlternatingLeastSquares
from recsys.als.config import ALSConfig as AlsSettings
from recsys.errors import InvalidInputError, NotFittedError
from recsys.interactions import Interactions

__all__ = [
    "AlsRanker",
    "AlsSettings",
    "ImplicitRanker",
    "PopularityRanker",
    "Ranker",
    "implicit_als",
    "implicit_bm25",
]

ItemRows = npt.NDArray[np.int32]

# implicit fills the places of a list that it cannot fill with rows of these scores or lower: its
# factor models about -3.4e38, its item-item models 0 (nothing in common with what the user has).
_FACTORS_FLOOR = -1e38
_NEIGHBOURS_FLOOR = 0.0


@runtime_checkable
class Ranker(Protocol):
    """Anything that learns from interactions and ranks unseen items for users.

    Attributes
    ----------
    name : str
        What reports call it; distinct within one evaluation.
    settings : mapping
        Parameters to print beside its figures; values that JSON can hold.
    """

    name: str
    settings: Mapping[str, Any]

    def fit(self, train: Interactions) -> None:
        """Learn from the training part, from scratch."""
        ...

    def recommend(self, users: npt.NDArray[np.int64], n: int, exclude: sp.csr_matrix) -> ItemRows:
        """Rank items for users.

        Parameters
        ----------
        users : numpy.ndarray
            int64, shape (q,): user rows.
        n : int
            Places to fill.
        exclude : scipy.sparse.csr_matrix
            Shape (q, n_items): stored entries are the users' training items, not to be listed.

        Returns
        -------
        numpy.ndarray
            int32, shape (q, n): item rows, best first, -1 after the last true one.
        """
        ...


class PopularityRanker:
    """Everybody gets the items that most users have, less their own.

    Ties go to the lower item row, so the lists are the same on every machine.

    Examples
    --------
    >>> matrix = sp.csr_matrix([[1, 0, 1], [0, 0, 1]])
    >>> ranker = PopularityRanker()
    >>> ranker.fit(Interactions.from_csr(matrix))
    >>> ranker.recommend(np.array([0, 1]), 2, matrix).tolist()
    [[1, -1], [0, 1]]
    """

    def __init__(self, name: str = "popularity") -> None:
        self.name = name
        self.settings: Mapping[str, Any] = {}
        self._order: npt.NDArray[np.int32] | None = None
        self._place: npt.NDArray[np.int64] | None = None

    def fit(self, train: Interactions) -> None:
        """Count each item's users."""
        counts = train.item_counts()
        self._order = np.argsort(-counts, kind="stable").astype(np.int32)
        self._place = np.empty(train.n_items, np.int64)
        self._place[self._order] = np.arange(train.n_items)

    def recommend(self, users: npt.NDArray[np.int64], n: int, exclude: sp.csr_matrix) -> ItemRows:
        """Return the first `n` of the common order that are not excluded; see :class:`Ranker`."""
        if self._order is None or self._place is None:
            raise NotFittedError("PopularityRanker: call fit before recommend")
        seen = np.diff(exclude.indptr)
        # Whatever a user has seen, the answer lies within the first n + (items seen) places.
        width = min(self._order.size, n + int(seen.max(initial=0)))
        free = np.ones((users.size, width), np.bool_)
        rows = np.repeat(np.arange(users.size), seen)
        places = self._place[exclude.indices]
        near = places < width
        free[rows[near], places[near]] = False
        free &= np.cumsum(free, axis=1) <= n
        row, place = np.nonzero(free)
        column = place_in_row(row)
        ids = np.full((users.size, n), -1, np.int32)
        ids[row, column] = self._order[place]
        return ids


def place_in_row(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number the entries of each row from 0, for `rows` in rising order."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    lengths = np.diff(np.append(starts, rows.size))
    return np.asarray(np.arange(rows.size) - np.repeat(starts, lengths))


class AlsRanker:
    """Our own ALS; its lists are passed on exactly as it returns them.

    Parameters
    ----------
    settings : AlsSettings
        Model settings, threads among them.
    seed : int
        Seed of the initial factors.
    name : str
        Name in reports.
    """

    def __init__(
        self, settings: AlsSettings | None = None, *, seed: int = 0, name: str = "alsatian"
    ) -> None:
        chosen = settings or AlsSettings()
        self.name = name
        self.settings: Mapping[str, Any] = {**chosen.to_dict(), "seed": seed}
        self._chosen = chosen
        self._seed = seed
        self.model: AlternatingLeastSquares | None = None

    def fit(self, train: Interactions) -> None:
        """Train a fresh model (fitting a fitted one would continue from its factors)."""
        self.model = AlternatingLeastSquares(**self._chosen.to_dict(), random_state=self._seed)
        self.model.fit(train.matrix, show_progress=False)

    def recommend(self, users: npt.NDArray[np.int64], n: int, exclude: sp.csr_matrix) -> ItemRows:
        """Exact top-N by inner product; see :class:`Ranker`."""
        if self.model is None:
            raise NotFittedError(f"{self.name}: call fit before recommend")
        ids, _ = self.model.recommend(users, exclude, N=n, filter_already_liked_items=True)
        return np.asarray(ids, np.int32)


class ImplicitRanker:
    """A model of the library `implicit`, its made-up rows removed.

    Where `implicit` 0.7.3 cannot fill a list, its factor models return seen items and repetitions
    of item 0 with scores of about -3.4e38, its item-item models seen items with a score of 0. Such
    places become -1 here.

    Parameters
    ----------
    make : callable
        Makes the unfitted model.
    name : str
        Name in reports.
    settings : mapping
        Parameters to print.
    floor : float
        Rows with this score or a lower one are made up.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        name: str,
        settings: Mapping[str, Any],
        *,
        floor: float = _FACTORS_FLOOR,
    ) -> None:
        self.name = name
        self.settings = settings
        self._make = make
        self._floor = floor
        self.model: Any = None

    def fit(self, train: Interactions) -> None:
        """Train a fresh model, with BLAS at one thread as `implicit` asks for."""
        import threadpoolctl
        from implicit.utils import ParameterWarning

        with threadpoolctl.threadpool_limits(1, "blas"), warnings.catch_warnings():
            # Its BM25 model warns about the COO matrix that it has made itself.
            warnings.simplefilter("ignore", ParameterWarning)
            self.model = self._make()
            self.model.fit(train.matrix, show_progress=False)

    def recommend(self, users: npt.NDArray[np.int64], n: int, exclude: sp.csr_matrix) -> ItemRows:
        """Top-N of the model, ending where its true rows end; see :class:`Ranker`."""
        if self.model is None:
            raise NotFittedError(f"{self.name}: call fit before recommend")
        import threadpoolctl

        wanted = min(n, exclude.shape[1])
        with threadpoolctl.threadpool_limits(1, "blas"):
            raw_ids, scores = self.model.recommend(
                users, exclude, N=wanted, filter_already_liked_items=True
            )
        made_up = (np.asarray(scores) <= self._floor) | (np.asarray(raw_ids) < 0)
        ended = np.logical_or.accumulate(made_up, axis=1)
        ids = np.full((users.size, n), -1, np.int32)
        ids[:, : raw_ids.shape[1]] = np.where(ended, -1, raw_ids)
        return ids


def implicit_als(settings: AlsSettings | None = None, *, seed: int = 0) -> ImplicitRanker:
    """ALS of `implicit` on the CPU, with the settings of ours.

    Parameters
    ----------
    settings : AlsSettings
        Settings; what `implicit` cannot do must be at its default.
    seed : int
        Seed of the initial factors.

    Raises
    ------
    InvalidInputError
        `settings` ask for an unobserved weight, a regularization exponent, another regularization
        of items, or other than 3 steps of conjugate gradients.
    """
    from implicit.cpu.als import AlternatingLeastSquares as ImplicitALS

    chosen, default = settings or AlsSettings(), AlsSettings()
    own = ("unobserved_weight", "regularization_exponent", "item_regularization", "cg_steps")
    for field in own:
        found, expected = getattr(chosen, field), getattr(default, field)
        if found != expected:
            raise InvalidInputError(
                f"{field}: found {found}, but implicit's ALS knows only {expected}; leave "
                "'implicit' out of the models or the setting at its default"
            )
    parameters: dict[str, Any] = {
        "factors": chosen.factors,
        "regularization": chosen.regularization,
        "alpha": chosen.alpha,
        "iterations": chosen.iterations,
        "dtype": chosen.dtype,
        "use_cg": chosen.solver == "cg",
        "num_threads": chosen.num_threads,
    }
    return ImplicitRanker(
        lambda: ImplicitALS(**{**parameters, "dtype": np.dtype(chosen.dtype)}, random_state=seed),
        "implicit",
        {**parameters, "seed": seed},
    )


def implicit_bm25(*, neighbours: int = 100, num_threads: int = 0) -> ImplicitRanker:
    """Item-item model of `implicit` over BM25 weights (K1 = 1.2, B = 0.75).

    Parameters
    ----------
    neighbours : int
        Similar items kept for each item.
    num_threads : int
        0 for all cores.
    """
    from implicit.nearest_neighbours import BM25Recommender

    return ImplicitRanker(
        lambda: BM25Recommender(K=neighbours, num_threads=num_threads),
        "bm25",
        {"neighbours": neighbours},
        floor=_NEIGHBOURS_FLOOR,
    )
