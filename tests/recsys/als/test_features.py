"""Side features in a whole model: cold rows, what they say, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.als import AlternatingLeastSquares, features
from recsys.als.features import FeatureRegression, Features
from recsys.errors import InvalidInputError, NotFittedError

from .told import (
    ITEM_FEATURES,
    ITEMS,
    MATRIX,
    SETTINGS,
    USER_FEATURES,
    USERS,
    fitted,
    model_of,
)


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
