"""The objective in full: weights of unobserved pairs, biases and side features in a whole model."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.als import AlternatingLeastSquares, features, files
from recsys.als.engine import open_training
from recsys.als.features import FeatureRegression, Features
from recsys.als.sides import Side, Sides
from recsys.errors import InvalidInputError, ModelFormatError, NotFittedError

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


# ---- side features ------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
def test_cold_rows_get_factors_from_features(solver):
    # Two groups of users with tastes of their own; one user of each group is empty.
    group = np.arange(40) % 2
    dense = np.zeros((40, 20), np.float32)
    rng = np.random.default_rng(7)
    for user in range(2, 40):
        dense[user, 10 * group[user] + rng.choice(10, 5, replace=False)] = 1
    known = np.eye(2)[group]
    model = AlternatingLeastSquares(
        6,
        1.0,  # a row without entries is pulled to its prior by this, to 0 by pairs unobserved
        alpha=5,
        iterations=12,
        unobserved_weight=0.1,
        random_state=1,
        solver=solver,
        feature_regularization=0.1,
    )
    model.fit(sp.csr_matrix(dense), show_progress=False, user_features=known)
    for cold in (0, 1):
        ids, _ = model.recommend(cold, None, N=10, filter_already_liked_items=False)
        assert set(ids) == set(range(10 * cold, 10 * cold + 10))
        scores = model.predict_user_factors(known[[cold]])[0] @ model.item_factors.T
        assert set(np.argsort(-scores)[:10]) == set(ids)
    plain = AlternatingLeastSquares(6, 0.05, alpha=5, random_state=1)
    plain.fit(sp.csr_matrix(dense), show_progress=False)
    assert not plain.user_factors[:2].any()


def test_without_unobserved_pairs_a_cold_row_is_its_prior():
    model = fitted("plain", unobserved_weight=0.0)
    alone = model.predict_user_factors(USER_FEATURES[[7]])[0]
    np.testing.assert_allclose(
        model.recalculate_user(7, MATRIX[7], user_features=USER_FEATURES[[7]]), alone, rtol=1e-6
    )


@pytest.mark.parametrize("kind", SETTINGS)
def test_recalculated_rows_are_those_of_an_exact_half_sweep(kind):
    model = fitted(kind, dtype="float64", solver="cholesky", item_regularization=0.2)
    items = model.recalculate_item(
        np.arange(ITEMS), sp.csr_matrix(MATRIX.T), item_features=ITEM_FEATURES
    )
    np.testing.assert_allclose(items, model._item_factors, rtol=1e-6, atol=1e-9)
    model.refine_users(MATRIX, user_features=USER_FEATURES)
    one = model.recalculate_user(5, MATRIX[5], user_features=USER_FEATURES[[5]])
    np.testing.assert_allclose(one, model._user_factors[5], rtol=1e-9)
    folded = model.fold_in(MATRIX[5].indices, MATRIX[5].data, user_features=USER_FEATURES[[5]])
    np.testing.assert_allclose(folded, one, rtol=1e-9)
    total, top, weights = model.explain(5, MATRIX, 3, user_features=USER_FEATURES[[5]])
    score = float(model.user_factors[5] @ model.item_factors[3])
    if model.biases:
        score += model.user_biases[5] + model.item_biases[3]
    assert total == pytest.approx(score, rel=1e-6)
    again = model.explain(5, MATRIX, 3, weights, user_features=USER_FEATURES[[5]])
    assert again[:2] == (total, top)


@pytest.mark.parametrize("kind", ["plain", "all"])
def test_sparse_and_dense_features_say_the_same(kind):
    dense = {
        "user_features": sp.csr_matrix(USER_FEATURES),
        "item_features": ITEM_FEATURES.toarray(),
    }
    found, expected = fitted(kind, dense, dtype="float64"), fitted(kind, dtype="float64")
    np.testing.assert_allclose(found.item_factors, expected.item_factors, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sparse", [True, False])
def test_regression_without_a_matrix_reaches_the_same(monkeypatch, sparse):
    rng = np.random.default_rng(8)
    values = rng.normal(size=(500, 40)) * (rng.random((500, 40)) < 0.2)
    told = Features(sp.csr_matrix(values) if sparse else values, 500, "f", np.dtype("float64"))
    rows, lambdas = rng.normal(size=(500, 7)), rng.gamma(2.0, 1.0, 500)
    exact = np.linalg.solve(
        (values.T * lambdas) @ values + 0.3 * np.eye(40), (values.T * lambdas) @ rows
    )
    for limit in (features.DENSE_FEATURES, 0):
        monkeypatch.setattr(features, "DENSE_FEATURES", limit)
        learned = np.zeros((40, 7))
        FeatureRegression(told, lambdas, 0.3).solve(rows, learned)
        np.testing.assert_allclose(learned, exact, rtol=1e-7, atol=1e-9)


# ---- files, checkpoints, interchange ------------------------------------------------------------


def test_a_file_keeps_it_all(tmp_path):
    model = fitted("all")
    model.save(tmp_path / "model")
    back = AlternatingLeastSquares.load(tmp_path / "model")
    assert back.config == model.config
    for name in ("user_factors", "item_biases", "item_weights", "item_feature_factors"):
        np.testing.assert_array_equal(getattr(back, name), getattr(model, name))
    assert back.objective(MATRIX, **GIVEN) == model.objective(MATRIX, **GIVEN)
    columns = sp.csr_matrix(MATRIX.T)[[2]]
    np.testing.assert_array_equal(
        back.recalculate_item(99, columns), model.recalculate_item(99, columns)
    )


def test_files_of_the_first_version_are_read(monkeypatch, tmp_path):
    model = fitted("plain", {})
    monkeypatch.setattr(files, "VERSION", 1)
    model.save(tmp_path / "old")
    monkeypatch.undo()
    back = AlternatingLeastSquares.load(tmp_path / "old")
    np.testing.assert_array_equal(back.user_factors, model.user_factors)
    with pytest.raises(ModelFormatError, match="damaged"):
        changed = (tmp_path / "old").read_bytes().replace(b'"item_factors"', b'"item_weights"')
        (tmp_path / "old").write_bytes(changed)
        AlternatingLeastSquares.load(tmp_path / "old")


def test_a_resumed_training_comes_to_the_same_bits(tmp_path):
    whole = fitted("all", iterations=6)
    model = model_of("all", iterations=2)
    model.fit(MATRIX, show_progress=False, checkpoint=tmp_path / "c", **GIVEN)
    model = model_of("all", iterations=6)
    model.fit(MATRIX, show_progress=False, checkpoint=tmp_path / "c", resume=True, **GIVEN)
    np.testing.assert_array_equal(model._user_factors, whole._user_factors)
    np.testing.assert_array_equal(model.item_feature_factors, whole.item_feature_factors)
    other = {**GIVEN, "user_features": USER_FEATURES + 1}
    with pytest.raises(InvalidInputError, match="made on"):
        model_of("all", iterations=6).fit(
            MATRIX, show_progress=False, checkpoint=tmp_path / "c", resume=True, **other
        )


def test_implicit_cannot_express_it():
    cases = [
        ("popularity_exponent", fitted("popularity", {})),
        ("biases", fitted("biases", {})),
        ("item_feature_factors", fitted("plain", {"item_features": ITEM_FEATURES})),
        ("user_weights", fitted("plain", {"user_weights": USER_WEIGHTS})),
    ]
    for name, model in cases:
        model.unobserved_weight, model.regularization_exponent = 1.0, 0.0
        with pytest.raises(InvalidInputError, match=name):
            model.to_implicit()


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"user_features": USER_FEATURES[:9]}, "user_features has 9 rows, expected 60"),
        ({"user_features": np.zeros((USERS, 0))}, "no columns"),
        ({"user_features": np.full((USERS, 2), np.nan)}, "NaN"),
        ({"user_features": sp.csr_matrix(np.full((USERS, 2), np.inf))}, "NaN or infinity"),
        ({"user_features": np.full((USERS, 2), 1e300)}, "infinity"),
        ({"item_features": np.full((ITEMS, 2), "x")}, "real numbers"),
        ({"item_features": ITEM_FEATURES.astype(complex)}, "real numbers"),
        ({"item_features": [[1, 2], [3]]}, "real numbers"),
        ({"item_features": np.zeros(ITEMS)}, "1 dimensions"),
        ({"item_weights": np.ones(3)}, "item_weights is of shape"),
        ({"item_weights": -np.ones(ITEMS)}, "holds -1.0 at 0"),
        ({"user_weights": np.full(USERS, np.nan)}, "holds nan at 0"),
        ({"user_weights": ["x"] * USERS}, "expected numbers"),
    ],
)
def test_bad_features_and_weights(given, says):
    model = model_of("plain")
    with pytest.raises(InvalidInputError, match=says) as raised:
        model.fit(MATRIX, show_progress=False, **given)
    assert "\n" not in str(raised.value)
    assert model.user_factors is None


def test_questions_that_cannot_be_answered():
    model = fitted("popularity", {"user_features": USER_FEATURES})
    for call, says in (
        (lambda: model.objective(MATRIX), "user_features are missing"),
        (lambda: model.predict_item_factors(ITEM_FEATURES), "fitted without"),
        (lambda: model.predict_user_factors(np.ones((1, 4))), "4 columns"),
        (lambda: model.recalculate_user(0, MATRIX[0], user_features=np.ones((2, 5))), "2 rows"),
        (lambda: model.fit(MATRIX, False, item_weights=np.ones(ITEMS)), "one of the two"),
        (
            lambda: model.fit(MATRIX, False, user_features=np.ones((USERS, 4))),
            "set user_feature_factors to None",
        ),
    ):
        with pytest.raises(InvalidInputError, match=says) as raised:
            call()
        assert "\n" not in str(raised.value)
    model.item_weights = np.ones(4)
    with pytest.raises(InvalidInputError, match="set item_weights anew"):
        model.recalculate_user(0, MATRIX[0])
    model.item_weights = None
    with pytest.raises(NotFittedError, match="popularity_exponent"):
        model.recalculate_user(0, MATRIX[0])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("popularity_exponent", -0.5),
        ("popularity_exponent", "x"),
        ("biases", 1),
        ("feature_regularization", 0),
    ],
)
def test_bad_settings(setting, value):
    with pytest.raises(InvalidInputError, match=setting):
        AlternatingLeastSquares(**{setting: value})
