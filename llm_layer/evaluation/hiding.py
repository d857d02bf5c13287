"""What is kept from the engine: the items that simulated users look for, and part of their past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.als.randomness import generator
from recsys.errors import InvalidInputError
from recsys.interactions import Interactions

# A simulated user answers from at least so many items of their own.
LEAST_HISTORY = 5
# Users in each group, where nobody says how many.
_USUAL = 500


@dataclass(frozen=True)
class Seeker:
    """One simulated user's past, and what they look for.

    Attributes
    ----------
    user : Any
        Outside id.
    row : int
        Row of the interactions.
    history : tuple of int
        Item rows that the user answers from, heaviest first; none of the targets.
    known : tuple of int
        Those of the history that the engine was trained on.
    targets : tuple of int
        Item rows that are hidden from the engine; one shown is a success.
    """

    user: object
    row: int
    history: tuple[int, ...]
    known: tuple[int, ...]
    targets: tuple[int, ...]

    @property
    def is_newcomer(self) -> bool:
        """Whether the engine knows nothing of the user."""
        return not self.known


@dataclass(frozen=True)
class Hidden:
    """Interactions without what is hidden, and who was chosen.

    Attributes
    ----------
    train : Interactions
        What the engine may see; ids as before.
    groups : dict of (int or None) to tuple of Seeker
        Disjoint groups by how much of the history the engine knows: None for all of it, else so
        many items.
    description : str
        How it was made, with seed and sizes.
    """

    train: Interactions
    groups: dict[int | None, tuple[Seeker, ...]]
    description: str


def hide(
    events: Interactions,
    users: int | None,
    *,
    targets: int = 1,
    known: Sequence[int | None] = (None, 0),
    seed: int = 0,
) -> Hidden:
    """Choose users, and hide their targets and part of their history from the engine.

    Parameters
    ----------
    events : Interactions
        Everything.
    users : int or None
        Users in each group, at least 1; None for 500, or as many as there are where that is less.
    targets : int
        Items hidden of each user, drawn at random, at least 1.
    known : sequence of (int or None)
        A group of users for each: the engine knows so many items of their history (drawn at
        random), or all of it (None). 0 is a newcomer, who is in no training data at all.
    seed : int
        Of all choices.

    Returns
    -------
    Hidden
        No pair of a user and a target of theirs is in ``train``.

    Raises
    ------
    InvalidInputError
        A number is out of range, or too few users have a history of ``targets + 5`` items.
    """
    groups = tuple(dict.fromkeys(known))
    if targets < 1 or (users is not None and users < 1):
        name, found = ("targets", targets) if targets < 1 else ("users", users)
        raise InvalidInputError(f"{name} is {found}, expected at least 1")
    if not groups or any(level is not None and level < 0 for level in groups):
        raise InvalidInputError(f"known is {list(known)}, expected numbers of at least 0, or None")
    matrix = events.matrix
    least = targets + max(LEAST_HISTORY, *(level or 0 for level in groups), 0)
    able = np.flatnonzero(np.diff(matrix.indptr) >= least)
    if users is None:
        users = max(1, min(_USUAL, able.size // len(groups)))
    if able.size < users * len(groups):
        raise InvalidInputError(
            f"{able.size} users have at least {least} items, expected {users * len(groups)} "
            f"({len(groups)} groups of {users}); ask for fewer users"
        )
    rng = generator(seed)
    chosen = rng.permutation(able)[: users * len(groups)].reshape(len(groups), users)
    kept = np.ones(matrix.nnz, np.bool_)
    made = {
        level: tuple(_seeker(events, int(row), targets, level, kept, rng) for row in rows)
        for level, rows in zip(groups, chosen, strict=True)
    }
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    left = sp.csr_matrix(
        (matrix.data[kept], (rows[kept], matrix.indices[kept])), matrix.shape, dtype=np.float32
    )
    left.sort_indices()
    times = events.timestamps
    train = events.with_matrix(left, times[kept] if times is not None else None)
    for seekers in made.values():
        _check(train, seekers)
    what = "item" if targets == 1 else "items"
    levels = ", ".join("all" if level is None else str(level) for level in groups)
    description = (
        f"{targets} {what} of each user hidden, seed {seed}; {users} users in each group; "
        f"items of their history known to the engine: {levels}; {train.nnz:,} of {matrix.nnz:,} "
        "pairs to train"
    )
    return Hidden(train, made, description)


def _seeker(
    events: Interactions,
    row: int,
    targets: int,
    level: int | None,
    kept: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> Seeker:
    """Divide one user's items; what the engine must not see is marked in `kept`."""
    matrix = events.matrix
    begin, end = int(matrix.indptr[row]), int(matrix.indptr[row + 1])
    order = begin + rng.permutation(end - begin)
    hidden, own = order[:targets], order[targets:]
    known = own if level is None else own[:level]
    kept[hidden] = False
    kept[own] = False
    kept[known] = True
    weights = np.asarray(matrix.data)
    own = own[np.argsort(-weights[own], kind="stable")]
    return Seeker(
        user=events.users.take([row])[0].as_py(),
        row=row,
        history=tuple(matrix.indices[own].tolist()),
        known=tuple(matrix.indices[known].tolist()),
        targets=tuple(matrix.indices[hidden].tolist()),
    )


def _check(train: Interactions, seekers: Sequence[Seeker]) -> None:
    """The whole evaluation rests on this."""
    for seeker in seekers:
        trained = set(train.matrix[seeker.row].indices.tolist())
        if trained != set(seeker.known) or trained & set(seeker.targets):
            raise AssertionError(
                f"user {seeker.user!r}: hidden items are left in the training part"
            )
