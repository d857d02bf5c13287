"""Models that are told of more than the interactions: weights, biases, side features."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recsys.als import AlternatingLeastSquares

from .conftest import random_matrix

USERS, ITEMS = 60, 45
RNG = np.random.default_rng(5)
MATRIX = random_matrix(USERS, ITEMS, 0.15, seed=1)
MATRIX.data[MATRIX.indptr[7] : MATRIX.indptr[8]] = 0
MATRIX.eliminate_zeros()  # user 7 has nothing
USER_FEATURES = RNG.normal(size=(USERS, 5))
ITEM_FEATURES = sp.csr_matrix(np.eye(6)[RNG.integers(0, 6, ITEMS)])
GIVEN = {"user_features": USER_FEATURES, "item_features": ITEM_FEATURES}
USER_WEIGHTS = RNG.gamma(2.0, 0.5, USERS)
SETTINGS = {
    "plain": {},
    "popularity": {"popularity_exponent": 0.5},
    "biases": {"biases": True},
    "all": {"popularity_exponent": 0.7, "biases": True, "item_regularization": 0.08},
}


def model_of(kind: str = "all", **settings) -> AlternatingLeastSquares:
    defaults = {"factors": 8, "iterations": 3, "random_state": 2, "num_threads": 1}
    shared = {"unobserved_weight": 0.3, "regularization_exponent": 0.5, "regularization": 0.05}
    return AlternatingLeastSquares(**(defaults | shared | SETTINGS[kind] | settings))


def fitted(kind: str = "all", given: dict | None = None, **settings) -> AlternatingLeastSquares:
    model = model_of(kind, **settings)
    model.fit(MATRIX, show_progress=False, **(GIVEN if given is None else given))
    return model
