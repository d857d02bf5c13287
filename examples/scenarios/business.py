"""A business: its catalogue, the events of its users, and the recommender fitted on both."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pc

from llm_layer.domain import Domain
from llm_layer.safety import read_domain
from recsys.als import AlternatingLeastSquares
from recsys.catalogue import Catalogue
from recsys.interactions import Interactions
from recsys.recommender import Recommender

FOLDER = Path(__file__).parent
USERS = 300
# Events of a user: so many at least, and on average beyond that.
_FEWEST, _FURTHER = 4, 8
# How sharply a taste tells the kinds of items apart: the smaller, the fewer kinds a user likes.
_BREADTH = 0.3
# Of a hundred events so many have nothing to do with the user's taste.
_BY_CHANCE = 0.15


@dataclass(frozen=True)
class Business:
    """What a scenario is made of.

    Attributes
    ----------
    name : str
        Of its folder and of the packaged domain.
    roles : dict of str to str
        Columns that play title, year or genres, where their names do not tell.
    """

    name: str
    roles: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its catalogue and its talks are."""
        return FOLDER / self.name

    def items(self) -> pa.Table:
        """The catalogue."""
        return pc.read_csv(self.folder / "items.csv")

    def domain(self) -> Domain:
        """Words and policies."""
        return read_domain(self.name)

    def fit(self, *, users: int = USERS, seed: int = 1) -> Recommender:
        """A recommender fitted on events of so many users; the seed decides on everything."""
        items = self.items()
        model = AlternatingLeastSquares(
            factors=16, iterations=10, regularization=0.05, random_state=seed, num_threads=1
        )
        taken = events(items, Catalogue(items, roles=self.roles), users, seed)
        return Recommender.fit(taken, items=items, roles=self.roles, model=model)


BUSINESSES = {
    business.name: business
    for business in (
        Business("service"),
        Business("content"),
        Business("education", {"genres": "topic"}),
        Business("health", {"genres": "topic", "year": "reviewed"}),
    )
}


def events(items: pa.Table, catalogue: Catalogue, users: int, seed: int) -> Interactions:
    """What users took, drawn from tastes that nobody sees.

    Each user likes some kinds of items more than others, and reads Chinese with some probability;
    some items are taken more often than others whoever comes. Every item is taken at least once.

    Parameters
    ----------
    items : pyarrow.Table
        With ``item_id`` and ``title``.
    catalogue : Catalogue
        The same, with its genres.
    users : int
        How many, with ids from 1.
    seed : int
        Of the random numbers.
    """
    random = np.random.default_rng(seed)
    n_items = len(catalogue)
    liking = _tastes(catalogue, users, random)
    chinese = np.array([not title.isascii() for title in items["title"].to_pylist()])
    reads = random.random(users) < 0.4
    liking = np.where(chinese[None, :] & ~reads[:, None], liking * 0.05, liking)
    liking *= random.lognormal(0.0, 0.5, n_items)[None, :]
    liking /= liking.sum(axis=1, keepdims=True)
    liking = (1 - _BY_CHANCE) * liking + _BY_CHANCE / n_items
    counts = np.minimum(_FEWEST + random.poisson(_FURTHER, users), n_items // 2)
    pairs = {
        (user + 1, int(row))
        for user in range(users)
        for row in random.choice(n_items, counts[user], replace=False, p=liking[user])
    }
    missed = set(range(n_items)) - {row for _, row in pairs}
    pairs |= {(int(random.integers(users)) + 1, row) for row in missed}
    ids = items["item_id"].to_pylist()
    listed = sorted(pairs)
    return Interactions.from_frame(
        pa.table(
            {
                "user_id": pa.array([user for user, _ in listed], pa.int64()),
                "item_id": [ids[row] for _, row in listed],
            }
        )
    )


def _tastes(
    catalogue: Catalogue, users: int, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """How much each user likes each item for its kinds: shape (users, n_items)."""
    kinds = sorted({kind for row in range(len(catalogue)) for kind in catalogue.genres(row)})
    of_item = np.array(
        [[kind in catalogue.genres(row) for kind in kinds] for row in range(len(catalogue))], float
    )
    likes = random.dirichlet(np.full(len(kinds), _BREADTH), users)
    return np.asarray(likes @ (of_item / of_item.sum(axis=1, keepdims=True)).T, np.float64)
