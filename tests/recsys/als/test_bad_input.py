"""Settings, matrices and questions that are refused, and weights that overflow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_matrix, csr_matrix

from recsys.als import AlternatingLeastSquares
from recsys.als.config import ALSConfig
from recsys.als.sparse import canonical_csr
from recsys.errors import (
    AlsatianError,
    InvalidInputError,
    NotFittedError,
)

from .small import MATRIX, fitted


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("factors", 0),
        ("factors", 4097),
        ("factors", 2.5),
        ("factors", True),
        ("regularization", -0.1),
        ("regularization", float("nan")),
        ("alpha", 0),
        ("alpha", float("inf")),
        ("alpha", "1"),
        ("iterations", -1),
        ("unobserved_weight", -1),
        ("regularization_exponent", -0.5),
        ("item_regularization", -0.5),
        ("item_regularization", "none"),
        ("solver", "newton"),
        ("subspace_dimension", 0),
        ("subspace_dimension", 4097),
        ("cg_steps", 0),
        ("device", "cuda:x"),
        ("dtype", "float16"),
        ("dtype", "no such"),
        ("num_threads", -1),
        ("calculate_training_loss", "yes"),
        ("random_state", "x"),
        ("random_state", -1),
        ("random_state", True),
    ],
)
def test_bad_settings(setting, value):
    with pytest.raises(InvalidInputError, match=setting) as raised:
        AlternatingLeastSquares(**{setting: value})
    assert "\n" not in str(raised.value)


def test_changed_settings_are_checked():
    model = AlternatingLeastSquares()
    model.regularization = 0.5
    assert model.config.regularization == 0.5
    with pytest.raises(InvalidInputError, match="solver"):
        model.solver = "magic"
    assert model.solver == "cg"
    with pytest.raises(InvalidInputError, match="unknown ALS setting 'magic'"):
        ALSConfig.from_dict({"magic": 1})


def _with_value(value: float) -> csr_matrix:
    matrix = MATRIX.copy()
    matrix.data[4] = value
    return matrix


def _broken(**parts) -> csr_matrix:
    matrix = MATRIX.copy()
    for name, value in parts.items():
        getattr(matrix, name)[5] = value
    return matrix


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (_with_value(np.nan), "not finite"),
        (_with_value(np.inf), "not finite"),
        (csr_matrix(MATRIX.astype(np.float64) * 1e300), "not finite"),
        (_broken(indices=30), "user_items"),
        (_broken(indices=-1), "user_items"),
        (_broken(indptr=10_000), "user_items"),
        (csr_matrix((5, 4)), "0 entries"),
        (csr_matrix((0, 4)), "at least one"),
        (csr_matrix((4, 0)), "at least one"),
        (csr_matrix((np.zeros(2), ([0, 1], [0, 1]))), "all are 0"),
        (np.ones((3, 3)), "ndarray"),
        (None, "NoneType"),
        (MATRIX.astype(np.complex64), "complex"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_matrices(matrix, says):
    model = AlternatingLeastSquares(4)
    with pytest.raises(InvalidInputError, match=says) as raised:
        model.fit(matrix, show_progress=False)
    assert "\n" not in str(raised.value)
    assert model.user_factors is None


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
def test_weights_that_overflow_are_an_error_and_leave_finite_factors(solver):
    model = AlternatingLeastSquares(4, solver=solver, random_state=1, iterations=3)
    matrix = csr_matrix(np.full((6, 5), 3e38, dtype=np.float32))
    with pytest.raises(InvalidInputError, match="not finite"):
        model.fit(matrix, show_progress=False)
    assert np.isfinite(model.user_factors).all()
    assert np.isfinite(model.item_factors).all()


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e25])
def test_extreme_scales_stay_finite(solver, scale):
    matrix = csr_matrix(abs(MATRIX) * np.float32(scale))
    model = AlternatingLeastSquares(4, 0.0, solver=solver, random_state=1, iterations=3)
    try:
        model.fit(matrix, show_progress=False)
    except InvalidInputError:
        assert scale > 1
    assert np.isfinite(model.user_factors).all()
    assert np.isfinite(model.item_factors).all()


def test_factors_of_another_shape_are_refused():
    model = fitted()
    with pytest.raises(InvalidInputError, match="start anew"):
        model.fit(MATRIX[:10], show_progress=False)
    with pytest.raises(InvalidInputError, match="shape"):
        model.user_factors = np.zeros((4, 3))
    model.user_factors = np.full((40, 8), np.nan)
    with pytest.raises(InvalidInputError, match="NaN"):
        model.fit(MATRIX, show_progress=False)


def test_methods_that_need_factors_say_so(tmp_path):
    model = AlternatingLeastSquares(4)
    for call in (
        lambda: model.recommend(0, MATRIX[0]),
        lambda: model.similar_items(0),
        lambda: model.similar_users(0),
        lambda: model.recalculate_user(0, MATRIX[0]),
        lambda: model.explain(0, MATRIX, 0),
        lambda: model.objective(MATRIX),
        lambda: model.save(tmp_path / "x"),
        lambda: model.YtY,
    ):
        with pytest.raises(NotFittedError, match="fit"):
            call()


def test_bad_questions():
    model = fitted()
    for call in (
        lambda: model.recommend(40, MATRIX[0]),
        lambda: model.recommend(-1, MATRIX[0]),
        lambda: model.recommend(0.5, MATRIX[0]),
        lambda: model.recommend([0, 1], MATRIX[0]),
        lambda: model.recommend(0, None),
        lambda: model.recommend(0, MATRIX[0], N=0),
        lambda: model.recommend(0, MATRIX[0], items=[1], filter_items=[2]),
        lambda: model.recommend(0, MATRIX[0], items=[]),
        lambda: model.recommend(0, MATRIX[0], items=[30]),
        lambda: model.recommend(0, MATRIX[0], filter_items=[-3]),
        lambda: model.recommend(0, csr_matrix((1, 31))),
        lambda: model.recommend([[0]], MATRIX[0]),
        lambda: model.similar_items(30),
        lambda: model.similar_items(0, recalculate_item=True),
        lambda: model.similar_users(40),
        lambda: model.explain(40, MATRIX, 0),
        lambda: model.explain(0, MATRIX, 30),
        lambda: model.explain(0, MATRIX, 3, N=0),
        lambda: model.recalculate_user(np.arange(40), _with_value(np.nan)),
        lambda: model.objective(MATRIX[:3]),
    ):
        with pytest.raises(AlsatianError) as raised:
            call()
        assert "\n" not in str(raised.value)


def test_explain_without_regularization_is_an_error_where_it_is_singular():
    model = AlternatingLeastSquares(8, 0.0, unobserved_weight=0.0, random_state=1, iterations=2)
    model.fit(MATRIX, show_progress=False)
    row = csr_matrix(([1.0], ([0], [1])), shape=(1, 30))
    with pytest.raises(InvalidInputError, match="singular"):
        model.explain(0, row, 3)


def test_small_integers_do_not_wrap_around():
    for dtype in (np.int8, np.uint8, np.int16):
        many = coo_matrix((np.ones(300, dtype), (np.zeros(300, int), np.zeros(300, int))))
        assert canonical_csr(many, "matrix").toarray().tolist() == [[300.0]]
