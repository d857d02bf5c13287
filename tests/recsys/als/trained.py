"""A matrix, and models to train on it for some sweeps."""

from __future__ import annotations

from recsys.als import AlternatingLeastSquares

from .conftest import random_matrix

MATRIX = random_matrix(60, 40, 0.2, seed=1)


def made(**settings) -> AlternatingLeastSquares:
    defaults = {"factors": 8, "iterations": 6, "random_state": 2, "num_threads": 1}
    return AlternatingLeastSquares(**(defaults | settings))


def fit(model, matrix=MATRIX, **options):
    model.fit(matrix, show_progress=False, **options)
    return model
