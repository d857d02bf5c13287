"""Training and test parts of interactions that share their id maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.als.randomness import generator
from recsys.errors import InvalidInputError
from recsys.interactions import Interactions

__all__ = ["Split", "leave_last_out", "random_split"]


@dataclass(frozen=True)
class Split:
    """One division of interactions into what a model may learn from and what it must find.

    Attributes
    ----------
    train : Interactions
        What a model may see; same users and items (rows and columns) as the whole.
    test : scipy.sparse.csr_matrix
        float32, shape (n_users, n_items): the held-out pairs with their weights, sorted, disjoint
        from ``train.matrix``.
    description : str
        How the split was made, with its seed and sizes.
    seed : int
        What the random choices were made from.
    """

    train: Interactions
    test: sp.csr_matrix
    description: str
    seed: int

    @property
    def test_users(self) -> npt.NDArray[np.int64]:
        """Rows of the users that have test items, rising."""
        return np.flatnonzero(np.diff(self.test.indptr)).astype(np.int64)


def random_split(
    interactions: Interactions,
    test_fraction: float = 0.2,
    *,
    seed: int = 0,
    per_user: bool = False,
) -> Split:
    """Hold out a random part of the pairs.

    Parameters
    ----------
    interactions : Interactions
        What to divide.
    test_fraction : float
        Share of the pairs to hold out, in (0, 1).
    seed : int
        Seed of the choice; the same seed on the same interactions gives the same split.
    per_user : bool
        False: ``round(test_fraction * nnz)`` pairs are drawn from all pairs alike, so a user's
        share varies and a user with few pairs may keep none for training. True: of each user's
        `c` pairs ``floor(test_fraction * c)`` are held out, so every user keeps at least one.

    Returns
    -------
    Split

    Raises
    ------
    InvalidInputError
        `test_fraction` is outside (0, 1), or one of the two parts would be empty.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> events = Interactions.from_csr(sp.csr_matrix([[1, 1, 1, 1], [1, 0, 1, 0]]))
    >>> split = random_split(events, 0.5, seed=7, per_user=True)
    >>> split.train.nnz, split.test.nnz
    (3, 3)
    """
    if not 0.0 < test_fraction < 1.0:
        raise InvalidInputError(
            f"test_fraction: found {test_fraction}, expected a share above 0 and below 1"
        )
    matrix = interactions.matrix
    rng = generator(seed)
    if per_user:
        held_per_user = np.floor(test_fraction * np.diff(matrix.indptr)).astype(np.int64)
        held = _last_of_each_row(matrix, rng.random(matrix.nnz), held_per_user, rng)
    else:
        held = np.zeros(matrix.nnz, np.bool_)
        count = round(test_fraction * matrix.nnz)
        held[rng.choice(matrix.nnz, count, replace=False, shuffle=False)] = True
    scope = "of each user's pairs" if per_user else "of all pairs"
    return _divide(interactions, held, f"random {test_fraction:.0%} {scope} held out", seed)


def leave_last_out(
    interactions: Interactions, n: int = 1, *, min_history: int = 1, seed: int = 0
) -> Split:
    """Hold out each user's last `n` pairs by time.

    Within a user the past predicts the future; between users it does not (another user's training
    events may be later than this user's test events), which is the usual form of this protocol.

    Parameters
    ----------
    interactions : Interactions
        What to divide; must have timestamps.
    n : int
        Pairs to hold out of each user, at least 1.
    min_history : int
        A user with fewer than ``n + min_history`` pairs stays in training as a whole, at least 1.
    seed : int
        Pairs with the same time are put in an order drawn from this seed. Row order would decide
        otherwise, and it follows the ids: many events in MovieLens share their second.

    Returns
    -------
    Split

    Raises
    ------
    InvalidInputError
        There are no timestamps, `n` or `min_history` is below 1, or no user has enough pairs.

    Examples
    --------
    >>> import pyarrow as pa
    >>> events = pa.table({"user_id": [1, 1, 1], "item_id": [5, 6, 7], "at": [30, 10, 20]})
    >>> split = leave_last_out(Interactions.from_frame(events, timestamp="at"))
    >>> split.train.items.take(split.test.indices).to_pylist()
    [5]
    """
    if n < 1 or min_history < 1:
        name, found = ("n", n) if n < 1 else ("min_history", min_history)
        raise InvalidInputError(f"{name}: found {found}, expected an integer of at least 1")
    if interactions.timestamps is None:
        raise InvalidInputError(
            "leave_last_out: the interactions have no timestamps; read them with timestamp=COLUMN "
            "or use random_split"
        )
    matrix = interactions.matrix
    counts = np.diff(matrix.indptr)
    held_per_user = np.where(counts >= n + min_history, n, 0)
    rng = generator(seed)
    held = _last_of_each_row(matrix, interactions.timestamps, held_per_user, rng)
    what = "last pair" if n == 1 else f"last {n} pairs"
    return _divide(interactions, held, f"each user's {what} by time held out", seed)


def _last_of_each_row(
    matrix: sp.csr_matrix,
    keys: npt.NDArray[np.int64] | npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    """Mark the entries with the largest `counts[row]` keys of each row; ties are drawn."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((rng.random(matrix.nnz), keys, rows))
    # In `order` a row's entries stand together, so their distance to the row's end is its rank.
    from_end = matrix.indptr[rows + 1] - 1 - np.arange(matrix.nnz)
    marked = np.zeros(matrix.nnz, np.bool_)
    marked[order] = from_end < counts[rows]
    return marked


def _divide(interactions: Interactions, held: npt.NDArray[np.bool_], how: str, seed: int) -> Split:
    if not held.any() or held.all():
        part = "training" if held.all() else "test"
        raise InvalidInputError(
            f"{how}: the {part} part is empty ({interactions.nnz} pairs of "
            f"{interactions.n_users} users); give more interactions or another split"
        )
    matrix = interactions.matrix
    times = interactions.timestamps
    train = interactions.with_matrix(
        _select(matrix, ~held), times[~held] if times is not None else None
    )
    test = _select(matrix, held)
    users = int(np.count_nonzero(np.diff(test.indptr)))
    description = (
        f"{how}, seed {seed}: {train.nnz:,} pairs to train, {test.nnz:,} to test, "
        f"{users:,} of {interactions.n_users:,} users evaluated"
    )
    return Split(train, test, description, seed)


def _select(matrix: sp.csr_matrix, keep: npt.NDArray[np.bool_]) -> sp.csr_matrix:
    """The kept entries of `matrix`, in their order."""
    before = np.concatenate([[0], np.cumsum(keep)])
    indptr = before[matrix.indptr].astype(matrix.indptr.dtype)
    part = sp.csr_matrix((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape)
    part.has_canonical_format = True
    return part
