"""Held-out visitors: what they would have been offered, and what they chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.profile import Profiler, UserProfile
from llm_layer.rerank import Wish
from llm_layer.retrieve import Candidates
from recsys.errors import InvalidInputError
from recsys.recommender import Recommender


@dataclass(frozen=True)
class Trial:
    """One visitor.

    Attributes
    ----------
    candidates : Candidates
        What a model that has not seen the held-out items would offer.
    held_out : int64 array
        Item rows that the visitor chose, among the candidates or not.
    profile : UserProfile
        Of the history that the model has seen.
    wish : Wish
        What they asked for; histories hold none.
    """

    candidates: Candidates
    held_out: npt.NDArray[np.int64]
    profile: UserProfile = field(default_factory=UserProfile)
    wish: Wish = field(default_factory=Wish)


def trials(
    rec: Recommender,
    facts: ItemFacts,
    test: sp.csr_matrix,
    users: Sequence[int],
    *,
    candidates: int = 100,
) -> list[Trial]:
    """Trials from one split of the interactions.

    Parameters
    ----------
    rec : Recommender
        Fitted on the training part alone.
    facts : ItemFacts
        Of `rec`.
    test : scipy.sparse.csr_matrix
        Held-out part, shape (n_users, n_items), as of :func:`recsys.evaluation.random_split`.
    users : sequence of int
        Rows of `test` and of the recommender's users.
    candidates : int
        Unseen items of the highest score for each, >= 1.

    Returns
    -------
    list of Trial
        In the order of `users`.

    Raises
    ------
    InvalidInputError
        The shapes differ, or a user has nothing held out or no candidates.
    """
    shape = (len(rec.users), rec.interactions.matrix.shape[1])
    if test.shape != shape:
        raise InvalidInputError(f"test has shape {test.shape}, expected the model's {shape}")
    names = rec.users.take(np.asarray(users, np.int64)).to_pylist()
    found = rec.recommend(names, candidates)
    rows = rec.items.rows(found.column("item_id")).astype(np.int64)
    scores = found.column("score").to_numpy().astype(np.float32)
    # A list begins where the rank does.
    begins = np.flatnonzero(found.column("rank").to_numpy() == 1)
    ends = np.append(begins[1:], len(rows))
    if len(begins) != len(names):
        raise InvalidInputError("a user has seen every item, and has no candidates; leave them out")
    profiler = Profiler(facts)
    made = []
    for user, name, begin, end in zip(users, names, begins, ends, strict=True):
        chosen = test.indices[test.indptr[user] : test.indptr[user + 1]].astype(np.int64)
        if not chosen.size:
            raise InvalidInputError(f"user {name!r} has nothing held out; leave them out")
        history = rec.items.rows(rec.history(name).column("item_id")).tolist()
        vector = rec.user_vector(name)
        made.append(
            Trial(
                Candidates(rows[begin:end], scores[begin:end], vector),
                chosen,
                profiler.profile(history, keywords=False),
            )
        )
    return made
