"""Solvers on the card against the NumPy twin: every kind of row, every kernel, streamed or not."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("torch")

from recsys.als import AlternatingLeastSquares, cpu, reference
from recsys.als.config import ALSConfig
from recsys.als.gpu import Card, CardTraining, training
from recsys.als.gpu.plan import Plan
from recsys.als.reference import Objective
from recsys.errors import InvalidInputError

from .conftest import every_kind_of_row, random_factors, random_matrix
from .natively import OBJECTIVES, assert_same, solve_twin


def interpreted(card: Card) -> bool:
    """Whether a program of a kernel takes milliseconds: tests are kept small then."""
    return card.kernels == "triton" and not card.is_cuda


def config_of(objective: Objective, factors: int, **settings) -> ALSConfig:
    return ALSConfig(
        factors=factors,
        alpha=objective.alpha,
        unobserved_weight=objective.unobserved,
        regularization=objective.regularization,
        regularization_exponent=objective.exponent,
        item_regularization=objective.item_regularization,
        num_threads=1,
        **({"device": "cuda"} | settings),
    )


def opened(card, matrix, users, items, config) -> CardTraining:
    return CardTraining(matrix, cpu.sparse_rows(matrix, "matrix"), users, items, config, card)


def solved(card, matrix, start, other, config) -> np.ndarray:
    found = start.copy()
    one = opened(card, matrix, found, other.copy(), config)
    one.solve_users()
    one.fetch()
    return found


@pytest.mark.parametrize("factors", [1, 7, 16, 100])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_rows_of_every_kind(card, solver, dtype, factors):
    objectives = OBJECTIVES
    if interpreted(card):
        if (factors == 16) is (dtype == "float64"):
            pytest.skip("interpreted kernels are slow: 16 factors in single, others in double")
        factors = min(factors, 40)  # more than one tile of the normal matrix
        objectives = OBJECTIVES[1:2]
    columns = 60 if interpreted(card) else 150
    matrix = every_kind_of_row(columns, seed=factors)
    other = random_factors(columns, factors, dtype, seed=1)
    start = random_factors(matrix.shape[0], factors, dtype, seed=2)
    for objective in objectives:
        expected = start.astype(np.float64)
        solve_twin(matrix, expected, other, objective, solver)
        config = config_of(objective, factors, solver=solver, dtype=dtype)
        assert_same(solved(card, matrix, start, other, config), expected, dtype)


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_rows_longer_than_the_room(card, solver, monkeypatch):
    matrix = random_matrix(3, 3_000, 0.95, seed=5)
    other = random_factors(3_000, 24, "float64", seed=6)
    start = random_factors(3, 24, "float64", seed=7)
    expected = start.copy()
    solve_twin(matrix, expected, other, OBJECTIVES[1], solver)
    monkeypatch.setattr(training, "plan", lambda *_, **__: Plan(room=100_000, block_bytes=None))
    config = config_of(OBJECTIVES[1], 24, solver=solver, dtype="float64")
    assert_same(solved(card, matrix, start, other, config), expected, "float64")


@pytest.mark.parametrize("block_bytes", [8 * 100, 8 * 400])
def test_a_streamed_matrix_gives_the_same(card, block_bytes, monkeypatch):
    shape, density = ((24, 24), 0.8) if interpreted(card) else ((120, 150), 0.3)
    matrix = random_matrix(*shape, density, seed=8)
    config = config_of(OBJECTIVES[0], 12, solver="cholesky", dtype="float64")
    found = []
    for size in (None, block_bytes):
        monkeypatch.setattr(training, "plan", lambda *_, s=size, **__: Plan(10**6, s))
        users, items = (random_factors(n, 12, "float64", seed=n) for n in matrix.shape)
        one = opened(card, matrix, users, items, config)
        assert (len(list(one._by_user.entries.blocks())) > 1) is (size is not None)
        one.solve_users()
        one.solve_items()
        value = one.objective()
        one.fetch()
        found.append((users, items, value))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-10, atol=1e-12)
    assert found[1][2] == pytest.approx(found[0][2], rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objective(card, dtype, objective):
    matrix = every_kind_of_row(70, seed=15)
    users = random_factors(matrix.shape[0], 19, dtype, seed=16)
    items = random_factors(70, 19, dtype, seed=17)
    one = opened(card, matrix, users, items, config_of(objective, 19, dtype=dtype))
    expected = reference.objective_value(matrix, users, items, objective)
    assert one.objective() == pytest.approx(expected, rel=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
@pytest.mark.parametrize("unobserved", [0.0, 1.0])
def test_singular_systems_have_a_right_answer(card, solver, unobserved):
    objective = Objective(alpha=1.0, unobserved=unobserved, regularization=0.0, exponent=0.0)
    matrix = every_kind_of_row(20, seed=10)
    base = random_factors(20, 6, "float32", seed=11)
    other = np.concatenate([base, base, np.zeros_like(base)], axis=1)
    start = np.zeros((matrix.shape[0], 18), dtype="float32")
    config = config_of(objective, 18, solver=solver, cg_steps=25)
    found = solved(card, matrix, start, other, config)
    assert np.isfinite(found).all()
    expected = np.zeros(start.shape)
    reference.solve_cholesky(matrix, expected, other, objective)
    best = reference.objective_value(matrix, expected, other, objective)
    reached = reference.objective_value(matrix, found, other, objective)
    assert reached <= best + 1e-3 * max(1.0, abs(best))


def test_overflow_is_a_typed_error_and_leaves_the_row(card):
    matrix = random_matrix(5, 30, 0.5, seed=12)
    matrix.data[:] = 1
    matrix.data[matrix.indptr[3] : matrix.indptr[4]] = 3e38
    other = random_factors(30, 8, "float32", seed=13)
    users = random_factors(5, 8, "float32", seed=14)
    before = users.copy()
    one = opened(card, matrix, users, other, config_of(OBJECTIVES[0], 8))
    with pytest.raises(InvalidInputError, match=r"^user_items: .*row 3 is not finite.*more regul"):
        one.solve_users()
    one.fetch()
    assert np.array_equal(users[3], before[3])
    assert np.isfinite(users).all()


def test_what_overflows_float32_alone_is_solved_in_double(card):
    matrix = random_matrix(5, 30, 0.5, seed=12)
    matrix.data[matrix.indptr[3] : matrix.indptr[4]] = 3e38
    other = random_factors(30, 8, "float32", seed=13)
    expected = np.zeros((5, 8))
    reference.solve_cholesky(matrix, expected, other, OBJECTIVES[0])
    config = config_of(OBJECTIVES[0], 8, solver="cholesky")
    found = solved(card, matrix, np.zeros((5, 8), dtype=np.float32), other, config)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_what_overflows_double_too_names_its_row(card):
    matrix = random_matrix(5, 30, 0.5, seed=12)
    matrix.data[:] = 0
    matrix.data[matrix.indptr[3] : matrix.indptr[4]] = 1
    objective = Objective(alpha=1e308, unobserved=1.0, regularization=0.05, exponent=0.0)
    other = 1e5 * random_factors(30, 8, "float64", seed=13)
    config = config_of(objective, 8, solver="cholesky", dtype="float64")
    with pytest.raises(InvalidInputError, match=r"^user_items: .*row 3 is not finite"):
        solved(card, matrix, np.zeros((5, 8)), other, config)


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_start_same_bits(card, solver, dtype):
    matrix = random_matrix(*((9, 7) if interpreted(card) else (90, 70)), 0.2, seed=18)
    config = config_of(OBJECTIVES[0], 17, solver=solver, dtype=dtype)
    results = []
    for _ in range(2):
        users, items = (random_factors(n, 17, dtype, seed=n) for n in matrix.shape)
        one = opened(card, matrix, users, items, config)
        for _ in range(2):
            one.solve_users()
            one.solve_items()
        one.fetch()
        results.append(users.tobytes() + items.tobytes())
    assert results[0] == results[1]


def test_large_factor_count(card):
    matrix = random_matrix(2, 200, 0.3, seed=11)
    other = random_factors(200, 517, "float32", seed=12)
    start = random_factors(2, 517, "float32", seed=13)
    objective = Objective(alpha=1.0, unobserved=0.5, regularization=2.0, exponent=0.0)
    for solver in ("cg", "cholesky"):
        expected = start.astype(np.float64)
        solve_twin(matrix, expected, other, objective, solver)
        config = config_of(objective, 517, solver=solver)
        assert_same(solved(card, matrix, start, other, config), expected, "float32")


@pytest.mark.parametrize(
    "settings",
    [
        {"gpu_precision": "tf32", "solver": "cg"},
        {"gpu_precision": "tf32", "solver": "cholesky"},
        {"gathered_dtype": "bfloat16", "solver": "cg"},
    ],
)
def test_reduced_precision_stays_near(card, settings):
    card = replace(card, precision=settings.get("gpu_precision", "full"))
    matrix = random_matrix(10, 150, 0.2, seed=20)
    other = random_factors(150, 32, "float32", seed=21)
    start = random_factors(10, 32, "float32", seed=22)
    expected = start.astype(np.float64)
    solve_twin(matrix, expected, other, OBJECTIVES[0], settings["solver"])
    found = solved(card, matrix, start, other, config_of(OBJECTIVES[0], 32, **settings))
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert error < 0.02
    if "gathered_dtype" in settings:
        assert error > 1e-5  # it is not just ignored


def test_whole_training_is_the_processors(card, monkeypatch):
    matrix = random_matrix(*((20, 15) if interpreted(card) else (150, 100)), 0.2, seed=23)
    made = []
    for device in ("cpu", "cuda"):
        monkeypatch.setattr("recsys.als.gpu.find_card", lambda _: card)
        model = AlternatingLeastSquares(
            16, 0.05, iterations=3, item_regularization=0.2, solver="cholesky", device=device,
            random_state=3, num_threads=1,
        )  # fmt: skip
        model.fit(matrix, show_progress=False)
        made.append(model)
    one, other = made
    assert other.objective(matrix) == pytest.approx(one.objective(matrix), rel=1e-5)
    for name in ("user_factors", "item_factors"):
        np.testing.assert_allclose(
            getattr(other, name), getattr(one, name), rtol=1e-3, atol=1e-4, err_msg=name
        )


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_whole_training_in_double(card, solver, monkeypatch):
    matrix = random_matrix(*((15, 20) if interpreted(card) else (150, 100)), 0.2, seed=24)
    monkeypatch.setattr("recsys.als.gpu.find_card", lambda _: card)
    values: list[list[float]] = []
    for device in ("cpu", "cuda"):
        model = AlternatingLeastSquares(
            9, 0.05, iterations=2, solver=solver, dtype="float64", device=device, random_state=4,
            num_threads=1, calculate_training_loss=True,
        )  # fmt: skip
        model.fit(matrix, show_progress=False)
        values.append([record["loss"] for record in model.history_])
    assert len(values[1]) == 2
    np.testing.assert_allclose(values[1], values[0], rtol=1e-8)


def weighted_system(matrix, row, other, objective, a, b, c, prior):
    """A and r of one row with weights, offsets and a prior, written out densely."""
    y = other.astype(np.float64)
    values = objective.alpha * matrix[row].toarray()[0]
    stored = np.zeros(len(y), dtype=bool)
    stored[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]] = True
    weight = np.where(stored, np.abs(values), objective.unobserved * a * b)
    label = (values > 0).astype(float)
    lam = objective.regularization
    left = (y.T * weight) @ y + lam * np.eye(y.shape[1])
    return left, y.T @ (weight * (label - c)) + lam * prior


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_weights_offsets_and_priors(card, solver):
    matrix = every_kind_of_row(60, seed=30)
    count, f = matrix.shape[0], 6
    rng = np.random.default_rng(31)
    other, start = random_factors(60, f, "float64", 32), random_factors(count, f, "float64", 33)
    a, b = rng.uniform(0.5, 2, count), rng.uniform(0.1, 2, 60)
    c, priors = rng.normal(size=60), rng.normal(size=(count, f))
    objective = Objective(alpha=0.7, unobserved=0.3, regularization=0.2, exponent=0.0)
    one = opened(
        card, matrix, start.copy(), other,
        config_of(objective, f, solver=solver, dtype="float64", cg_steps=60),
    )  # fmt: skip

    def there(array):
        return training.uploaded(array, card.device)

    gram = there((other.T * b) @ other)
    half = one._by_user
    side = replace(
        half.side(gram, None, None),
        row_weights=there(a),
        column_weights=there(b),
        offsets=there(c),
        linear=there(-objective.unobserved * other.T @ (b * c)),
        priors=there(priors),
    )
    half.solve_side(one._kernels, side, gram)
    one._changed = True
    one.fetch()
    for row in range(count):
        left, right = weighted_system(matrix, row, other, objective, a[row], b, c, priors[row])
        expected = np.linalg.solve(left, right)
        np.testing.assert_allclose(one._host[0][row], expected, rtol=1e-6, atol=1e-8)


def weighted_model(device: str, **settings) -> AlternatingLeastSquares:
    return AlternatingLeastSquares(
        6, 0.1, iterations=2, dtype="float64", device=device, random_state=5, num_threads=1,
        calculate_training_loss=True, regularization_exponent=0.5, unobserved_weight=0.4,
        **settings,
    )  # fmt: skip


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
@pytest.mark.parametrize("told", ["weights", "biases", "features", "all"])
def test_the_whole_objective_is_the_processors(card, told, solver, monkeypatch):
    if interpreted(card) and told != "all":
        pytest.skip("interpreted kernels are slow: everything at once")
    monkeypatch.setattr("recsys.als.gpu.find_card", lambda _: card)
    rng = np.random.default_rng(40)
    matrix = every_kind_of_row(25, seed=41)
    users, items = matrix.shape
    settings, given = {"solver": solver}, {}
    if told in ("weights", "all"):
        settings["popularity_exponent"] = 0.5
        given["user_weights"] = np.where(rng.random(users) < 0.2, 0, rng.uniform(0.5, 2, users))
    if told in ("biases", "all"):
        settings["biases"] = True
    if told in ("features", "all"):
        given["user_features"] = rng.normal(size=(users, 3))
        given["item_features"] = csr_matrix(rng.integers(0, 2, (items, 4)).astype(float))
    made = []
    for device in ("cpu", "cuda"):
        model = weighted_model(device, **settings)
        model.fit(matrix, show_progress=False, **given)
        made.append(model)
    losses = [[record["loss"] for record in model.history_] for model in made]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-7)
    for name in ("user_factors", "item_factors"):
        one, other = (getattr(model, name) for model in made)
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("unobserved", [0.0, 0.5])
def test_singular_rows_with_priors_and_biases_are_mended_with_them(card, unobserved, monkeypatch):
    monkeypatch.setattr("recsys.als.gpu.find_card", lambda _: card)
    matrix = every_kind_of_row(12, seed=42)
    features = np.ones((matrix.shape[0], 1))
    values = []
    for device in ("cpu", "cuda"):
        model = AlternatingLeastSquares(
            20, 0.0, iterations=1, unobserved_weight=unobserved, solver="cholesky", biases=True,
            device=device, random_state=6, num_threads=1, calculate_training_loss=True,
        )  # fmt: skip
        model.fit(matrix, show_progress=False, user_features=features)
        assert np.isfinite(model.user_factors).all()
        values.append(model.history_[-1]["loss"])
    assert values[1] == pytest.approx(values[0], rel=1e-3, abs=1e-5)
