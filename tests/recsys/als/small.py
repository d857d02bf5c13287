"""A small matrix, and models fitted on it."""

from __future__ import annotations

from recsys.als import AlternatingLeastSquares

from .conftest import random_matrix

MATRIX = random_matrix(40, 30, 0.2, seed=1)


def fitted(dtype: str = "float32", **settings) -> AlternatingLeastSquares:
    defaults = {"factors": 8, "iterations": 4, "random_state": 2, "num_threads": 1}
    model = AlternatingLeastSquares(**(defaults | settings), dtype=dtype)
    model.fit(MATRIX, show_progress=False)
    return model
