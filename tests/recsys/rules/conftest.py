"""A small world whose scores are whole numbers, so that an oracle can be exact, ties included."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from recsys import AlternatingLeastSquares, Interactions, Recommender
from recsys.catalogue import Catalogue
from recsys.ids import IdMap


def make_world(
    seed: int = 0, users: int = 12, warm: int = 24, cold: int = 6, factors: int = 4
) -> Recommender:
    """A recommender with whole-numbered factors; user ids are u0.., item ids 100, 101, .."""
    random = np.random.default_rng(seed)
    items = warm + cold
    matrix = sp.random(users, warm, 0.25, "csr", np.float32, random)
    matrix.sort_indices()
    user_ids = IdMap(pa.array([f"u{k}" for k in range(users)]), "user")
    item_ids = pa.array(np.arange(100, 100 + items), pa.int32())
    model = AlternatingLeastSquares(factors)
    model.user_factors = random.integers(-3, 4, (users, factors)).astype(np.float32)
    model.item_factors = random.integers(-3, 4, (warm, factors)).astype(np.float32)
    tags = [list(random.choice(list("abcde"), random.integers(0, 4))) for _ in range(items)]
    table = pa.table(
        {
            "item_id": item_ids,
            "genre": pa.array(random.choice(["drama", "comedy", "war"], items).tolist()),
            "maker": pa.array([None if k % 5 == 0 else k % 4 for k in range(items)], pa.int64()),
            "tags": pa.array(tags, pa.list_(pa.string())),
            "price": pa.array(random.integers(1, 50, items).astype(np.float64)),
            "stock": pa.array(random.random(items) < 0.7),
        }
    )
    return Recommender(
        Interactions(user_ids, IdMap(item_ids.slice(0, warm), "item"), matrix),
        model,
        items=IdMap(item_ids, "item"),
        cold_factors=random.integers(-3, 4, (cold, factors)).astype(np.float32),
        catalogue=Catalogue(table),
    )


@pytest.fixture
def world() -> Recommender:
    return make_world()
