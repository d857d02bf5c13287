"""The objective in full: weights of unobserved pairs, biases and side features in a whole model."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.als import AlternatingLeastSquares
from recsys.als.engine import open_training
from recsys.als.features import Features
from recsys.als.sides import Side, Sides
from recsys.errors import InvalidInputError

from .told import (
    GIVEN,
    ITEM_FEATURES,
    ITEMS,
    MATRIX,
    SETTINGS,
    USER_FEATURES,
    USER_WEIGHTS,
    USERS,
    fitted,
    model_of,
)


def dense_objective(model: AlternatingLeastSquares, given: dict) -> float:
    """Every pair and every row, one by one, from the formulas of the documentation."""
    x, y = np.array(model.user_factors, float), np.array(model.item_factors, float)
    own, received = np.diff(MATRIX.indptr), np.bincount(MATRIX.indices, minlength=ITEMS)
    biases = (np.zeros(USERS), np.zeros(ITEMS))
    if model.biases:
        biases = np.array(model.user_biases, float), np.array(model.item_biases, float)
    popular = received.astype(float) ** model.popularity_exponent
    b = (popular / popular.mean()).astype(np.float32).astype(float)
    a = np.asarray(given.get("user_weights", np.ones(USERS)), np.float32).astype(float)
    values = model.alpha * MATRIX.toarray()
    weight = np.where(values != 0, abs(values), model.unobserved_weight * np.outer(a, b))
    scores = x @ y.T + biases[0][:, None] + biases[1]
    total = float((weight * ((values > 0) - scores) ** 2).sum())
    of_items = model.item_regularization
    sides = [
        ("user", x, biases[0], own, a, b.sum(), model.regularization),
        ("item", y, biases[1], received, b, a.sum(), of_items or model.regularization),
    ]
    for kind, rows, bias, entries, weights, mass, strength in sides:
        scale = (entries + model.unobserved_weight * weights * mass) ** (
            model.regularization_exponent
        )
        stored = np.column_stack([rows, bias]) if model.biases else rows
        if f"{kind}_features" in given:
            values = given[f"{kind}_features"]
            dense = values.toarray() if sp.issparse(values) else values
            learned = np.array(getattr(model, f"{kind}_feature_factors"), float)
            stored = stored - dense.astype(model.dtype).astype(float) @ learned
            total += model.feature_regularization * float((learned**2).sum())
        total += float(strength * scale @ (stored**2).sum(axis=1))
    return total


# ---- the value and its minima -------------------------------------------------------------------


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("given", [{}, GIVEN, {**GIVEN, "user_weights": USER_WEIGHTS}])
def test_objective_is_that_of_all_pairs(kind, given):
    model = fitted(kind, given, dtype="float64")
    told = {name: given[name] for name in GIVEN if name in given}
    assert model.objective(MATRIX, **told) == pytest.approx(dense_objective(model, given), rel=1e-9)


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", SETTINGS)
def test_no_half_sweep_raises_it(kind, dtype, solver):
    model = fitted(kind, dtype=dtype, solver=solver, iterations=0)
    sides = Sides(
        Side(None, Features(USER_FEATURES, USERS, "u", model.dtype)),
        Side(model.item_weights, Features(ITEM_FEATURES, ITEMS, "i", model.dtype)),
    )
    rows = features_rows()
    stored = (model._user_factors, model._item_factors)
    maps = (model.user_feature_factors, model.item_feature_factors)
    training = open_training(MATRIX, rows, *stored, model.config, sides, maps)
    values = [training.objective()]
    for _ in range(8):
        for half in (training.solve_users, training.solve_items):
            half()
            values.append(training.objective())
    slack = 1e-5 if dtype == "float32" else 1e-12
    assert all(after <= before * (1 + slack) for before, after in pairwise(values))
    assert values[-1] < 0.8 * values[0]
    assert values[-1] == pytest.approx(model.objective(MATRIX, **GIVEN), rel=1e-5)


def features_rows():
    from recsys.als import cpu

    return cpu.sparse_rows(MATRIX, "matrix")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", SETTINGS)
def test_the_gradient_vanishes_and_no_perturbation_improves(kind, dtype):
    model = fitted(kind, dtype=dtype, solver="cholesky")
    best = dense_objective(model, GIVEN)  # items were solved last
    optimal = np.array(model._item_factors, np.float64)
    judge = model_of(kind, dtype="float64")
    for name in ("user_factors", "item_factors"):
        setattr(judge, name, getattr(model, f"_{name}"))
    judge.user_feature_factors = model.user_feature_factors
    judge.item_feature_factors = model.item_feature_factors

    def at(rows):
        judge.item_factors = rows
        return dense_objective(judge, GIVEN)

    rng = np.random.default_rng(6)
    size = 1e-4
    for _ in range(10):
        step = rng.normal(size=optimal.shape)
        up, down = at(optimal + size * step), at(optimal - size * step)
        slope, curvature = (up - down) / (2 * size), (up + down - 2 * best) / size**2
        assert curvature > 0
        assert abs(slope) < (1e-3 if dtype == "float32" else 1e-6) * curvature
        for far in (1e-2, 1e-1):
            assert at(optimal + far * step) > best


# ---- weights of unobserved pairs ----------------------------------------------------------------


def test_weights_follow_popularity_and_average_one():
    model = fitted("popularity", {})
    received = np.bincount(MATRIX.indices, minlength=ITEMS)
    assert model.item_weights.dtype == np.float32
    assert model.item_weights.mean() == pytest.approx(1.0, rel=1e-6)
    np.testing.assert_allclose(
        model.item_weights**2 / received, model.item_weights[0] ** 2 / received[0], rtol=1e-5
    )
    told = fitted("plain", {"item_weights": model.item_weights})
    np.testing.assert_array_equal(told.item_factors, model.item_factors)
    assert fitted("plain", {}).item_weights is None


def test_what_counts_more_when_left_alone_scores_lower():
    weights = np.ones(ITEMS)
    weights[3] = 50.0
    plain, told = fitted("plain", {}), fitted("plain", {"item_weights": weights})
    mean = [float((m.user_factors @ m.item_factors[3]).mean()) for m in (plain, told)]
    assert abs(mean[1]) < 0.5 * abs(mean[0])


def test_new_items_are_weighed_by_their_own_popularity():
    model = fitted("popularity", {}, dtype="float64", solver="cholesky", item_regularization=0.1)
    columns = sp.csr_matrix(MATRIX.T)
    known = model.recalculate_item(np.arange(ITEMS), columns)
    np.testing.assert_allclose(known, model.item_factors, rtol=1e-6, atol=1e-9)
    model.partial_fit_items([ITEMS + 1], columns[[4]])
    assert model.item_weights.tolist()[ITEMS:] == [0.0, model.item_weights[4]]
    np.testing.assert_allclose(model.item_factors[-1], model.item_factors[4], rtol=1e-6, atol=1e-9)


# ---- biases -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scores_hold_both_biases(dtype):
    model = fitted("biases", {}, dtype=dtype)
    assert model.user_factors.shape == (USERS, 8)
    assert model.user_biases.shape == (USERS,)
    assert np.abs(model.item_biases).max() > 1e-3
    full = model.user_factors @ model.item_factors.T
    full = full + model.user_biases[:, None] + model.item_biases
    ids, scores = model.recommend(np.arange(USERS), MATRIX, N=7, filter_already_liked_items=False)
    np.testing.assert_allclose(scores, -np.sort(-full, axis=1)[:, :7], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(full, ids, 1), scores, rtol=1e-4, atol=1e-5)
    ids, scores = model.recommend(3, MATRIX[3], N=100)
    assert (ids < 0).any()
    assert np.isneginf(scores[ids < 0]).all()
    _, cosines = model.similar_items(4, N=3)
    assert cosines[0] == pytest.approx(1.0, abs=1e-5)


def test_biases_alone_learn_popularity():
    counts = np.bincount(MATRIX.indices[MATRIX.data > 0], minlength=ITEMS)
    model = fitted("biases", {}, factors=1, iterations=15, regularization_exponent=0.0)
    assert np.corrcoef(model.item_biases, counts)[0, 1] > 0.8


def test_setting_factors_takes_biases_or_makes_them_zero():
    model = fitted("biases", {})
    stored = np.array(model._item_factors)
    model.item_factors = stored[:, :8]
    assert not model.item_biases.any()
    model.item_factors = stored
    np.testing.assert_array_equal(model.item_biases, stored[:, 8])
    model.biases = False
    with pytest.raises(InvalidInputError, match="9 columns"):
        model.recommend(0, MATRIX[0])
