"""What goes along with the sweeps: history, callbacks, early stopping, growing warm starts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys.als import AlternatingLeastSquares, TrainingState
from recsys.als.engine import NativeTraining
from recsys.errors import AlsatianError, CapacityError, InvalidInputError
from recsys.evaluation import HeldOut

from .trained import MATRIX, fit, made

# ---- history ------------------------------------------------------------------------------------


def test_history_holds_every_sweep():
    model = fit(made(calculate_training_loss=True))
    assert [record["sweep"] for record in model.history_] == [1, 2, 3, 4, 5, 6]
    assert all(record["seconds"] > 0 for record in model.history_)
    losses = [record["loss"] for record in model.history_]
    assert losses == sorted(losses, reverse=True)
    weights = abs(MATRIX).sum() + 60 * 40 - MATRIX.nnz
    assert losses[-1] == pytest.approx(model.objective(MATRIX) / weights, rel=1e-6)
    assert all(record["validation"] is None for record in model.history_)
    assert model.best_sweep_ is None


def test_history_goes_on_where_training_does_and_starts_anew_where_it_does():
    model = fit(made(iterations=2))
    fit(model)
    assert [record["sweep"] for record in model.history_] == [1, 2, 3, 4]
    model.user_factors = model.item_factors = None
    fit(model)
    assert [record["sweep"] for record in model.history_] == [1, 2]


def test_history_is_saved_and_older_files_are_read():
    model = fit(made(calculate_training_loss=True), validation=lambda m: float(m.XtX[0, 0]))
    file = io.BytesIO()
    model.save(file)
    back = AlternatingLeastSquares.load(io.BytesIO(file.getvalue()))
    assert back.history_ == model.history_
    assert back.best_sweep_ == model.best_sweep_
    fit(back)
    assert len(back.history_) == 12
    old = file.getvalue().replace(b'"training"', b'"unknown_"')
    assert AlternatingLeastSquares.load(io.BytesIO(old)).history_ == []
    odd = file.getvalue().replace(b'\\"sweep\\": 1,', b'\\"sweeq\\": 1,')
    assert odd != file.getvalue()
    with pytest.raises(AlsatianError, match="record 0 of its history"):
        AlternatingLeastSquares.load(io.BytesIO(odd))


# ---- callbacks ----------------------------------------------------------------------------------


def test_a_callback_of_one_argument_gets_the_state():
    states: list[TrainingState] = []
    model = made(iterations=3)
    factors = []

    def look(state, keep=factors):
        states.append(state)
        keep.append(state.model.user_factors.copy())
        # what derives from factors follows them
        np.testing.assert_allclose(
            state.model.YtY, state.model.item_factors.T @ state.model.item_factors, rtol=1e-4
        )

    fit(model, callback=look)
    assert [state.sweep for state in states] == [1, 2, 3]
    assert states[1].history == tuple(model.history_[:2])
    assert states[1].seconds == model.history_[1]["seconds"]
    assert states[0].model is model
    assert not np.array_equal(factors[0], factors[1])
    with pytest.raises(AttributeError):
        states[0].sweep = 5


def test_callbacks_of_implicit_are_served():
    told = []
    fit(made(iterations=2), callback=lambda *arguments: told.append(arguments))
    fit(made(iterations=2), callback=lambda iteration, seconds, loss=1: told.append((iteration,)))
    model = made(iterations=2)
    model.fit_callback = lambda iteration, seconds, loss: told.append((iteration, loss))
    fit(model)
    assert [arguments[0] for arguments in told] == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("form", [lambda state: True, lambda iteration, seconds, loss: True])
def test_a_callback_that_returns_true_stops(form):
    assert len(fit(made(), callback=form).history_) == 1
    # what only looks true, as a count or a frame may, does not
    assert len(fit(made(), callback=lambda state: state.sweep).history_) == 6


@pytest.mark.parametrize("callback", [5, lambda: None, lambda a, b: None, lambda a, b, c, d: None])
def test_a_callback_of_another_form_is_refused_before_training(callback):
    model = made()
    with pytest.raises(InvalidInputError, match="callback"):
        fit(model, callback=callback)
    assert model.user_factors is None


# ---- early stopping -----------------------------------------------------------------------------


def test_the_best_state_is_put_back_and_patience_ends_training():
    scores = iter([0.1, 0.4, 0.3, 0.2, 0.9])
    model = fit(made(), validation=lambda _: next(scores), patience=2)
    assert [record["validation"]["score"] for record in model.history_] == [0.1, 0.4, 0.3, 0.2]
    assert model.best_sweep_ == 2
    two = fit(made(iterations=2))
    np.testing.assert_array_equal(model.user_factors, two.user_factors)
    np.testing.assert_array_equal(model.item_factors, two.item_factors)
    assert model.user_factors.ctypes.data % 64 == 0
    np.testing.assert_array_equal(model.YtY, two.YtY)


def test_without_patience_all_sweeps_run_and_every_other_is_validated():
    asked = []
    model = fit(
        made(iterations=5), validation=lambda m: asked.append(1) or -len(asked), validate_every=2
    )
    validated = [record["sweep"] for record in model.history_ if record["validation"]]
    assert validated == [2, 4, 5]
    assert model.best_sweep_ == 2
    np.testing.assert_array_equal(model.item_factors, fit(made(iterations=2)).item_factors)


def test_the_best_state_is_put_back_after_an_interrupt_too():
    def interrupted(state):
        if state.sweep == 3:
            raise KeyboardInterrupt

    scores = iter([0.5, 0.1, 0.2])
    model = made()
    with pytest.raises(KeyboardInterrupt):
        fit(model, callback=interrupted, validation=lambda _: next(scores))
    np.testing.assert_array_equal(model.user_factors, fit(made(iterations=1)).user_factors)


def test_half_a_sweep_after_the_best_one_is_undone(monkeypatch):
    solve_items, calls = NativeTraining.solve_items, []

    def interrupted(training):
        calls.append(training)
        if len(calls) == 3:
            raise KeyboardInterrupt
        solve_items(training)

    monkeypatch.setattr(NativeTraining, "solve_items", interrupted)
    model = made()
    with pytest.raises(KeyboardInterrupt):
        fit(model, validation=lambda trained: len(trained.history_))
    monkeypatch.undo()
    assert model.best_sweep_ == 2
    np.testing.assert_array_equal(model.user_factors, fit(made(iterations=2)).user_factors)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"validation": 3}, "HeldOut"),
        ({"patience": 2}, "patience"),
        ({"validation": lambda m: 1.0, "patience": 0}, "patience"),
        ({"validation": lambda m: 1.0, "validate_every": 0}, "validate_every"),
        ({"validation": lambda m: float("nan")}, "score = nan"),
        ({"validation": lambda m: None}, "score = None"),
        ({"validation": lambda m: "0.5"}, "score = '0.5'"),
        ({"validation": lambda m: {}}, "no number"),
        ({"validation": lambda m: {"ndcg": float("inf")}}, "ndcg = inf"),
    ],
)
def test_bad_arguments_are_one_clear_line(options, says):
    with pytest.raises(InvalidInputError, match=says) as raised:
        fit(made(), **options)
    assert "\n" not in str(raised.value)


def test_the_second_copy_is_counted_before_training(monkeypatch):
    matrix = csr_matrix(([1.0], ([0], [0])), shape=(20_000, 20_000))
    model = made(factors=512)
    once = 40_000 * 512 * 4
    monkeypatch.setattr("recsys.als.memory.available_bytes", lambda: once + (40 << 20))
    model.iterations = 0
    fit(model, matrix)
    model.user_factors = model.item_factors = None
    with pytest.raises(CapacityError, match="512 factors"):
        fit(model, matrix, validation=lambda _: 0.0)


def test_held_out_interactions_are_measured_as_evaluation_measures_them():
    rng = np.random.default_rng(3)
    held = rng.random(MATRIX.nnz) < 0.3
    coo = MATRIX.tocoo()
    train, test = (
        csr_matrix((coo.data[part], (coo.row[part], coo.col[part])), shape=MATRIX.shape)
        for part in (~held, held)
    )
    validation = HeldOut(train, test, ["recall@5", "ndcg@3"])
    model = fit(made(), train, validation=validation)
    found = validation(model)
    recalls = []
    for user in np.flatnonzero(np.diff(test.indptr)):
        ids, _ = model.recommend(user, train[user], N=5)
        wanted = set(test[user].indices)
        recalls.append(len(wanted & set(ids)) / len(wanted))
    assert found["recall@5"] == pytest.approx(np.mean(recalls))
    assert found == model.history_[model.best_sweep_ - 1]["validation"]
    fewer = HeldOut(train, test, ["recall@5"], sample=4, seed=1)
    assert fewer(model) == HeldOut(train, test, ["recall@5"], sample=4, seed=1)(model)
    for options, says in [
        ({"metrics": ["ndgc@3"]}, "ndgc"),
        ({"metrics": ["ndcg"]}, "ndcg"),
        ({"metrics": ["ndcg@41"]}, "ndcg@41"),
        ({"metrics": []}, "empty"),
        ({"sample": 0}, "sample"),
    ]:
        with pytest.raises(InvalidInputError, match=says):
            HeldOut(train, test, **options)
    with pytest.raises(InvalidInputError, match="shape"):
        HeldOut(train, test[:3])
    with pytest.raises(InvalidInputError, match="no interactions"):
        HeldOut(train, csr_matrix(train.shape))


# ---- growing ------------------------------------------------------------------------------------


def test_a_warm_start_grows_to_new_users_and_items():
    small = csr_matrix(MATRIX[:50, :30])
    model = fit(made(iterations=3), small)
    before = model.user_factors.copy(), model.item_factors.copy()
    model.iterations = 0
    fit(model)
    assert model.user_factors.shape == (60, 8)
    assert model.item_factors.shape == (40, 8)
    np.testing.assert_array_equal(model.user_factors[:50], before[0])
    np.testing.assert_array_equal(model.item_factors[:30], before[1])
    assert ((model.user_factors[50:] >= 0) & (model.user_factors[50:] < 0.01)).all()
    assert model.user_factors[50:].std() > 0
    model.iterations = 10
    fit(model)
    anew = fit(made(iterations=13))
    assert model.objective(MATRIX) == pytest.approx(anew.objective(MATRIX), rel=0.05)
    assert [record["sweep"] for record in model.history_] == list(range(1, 14))
    with pytest.raises(InvalidInputError, match="start anew"):
        fit(model, small)
