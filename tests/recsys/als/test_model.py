"""The model as its user meets it: top-N that tells the truth, growth and training."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse import csr_matrix

from recsys.als import AlternatingLeastSquares
from recsys.errors import (
    InvalidInputError,
)

from .conftest import random_matrix
from .small import MATRIX, fitted

# ---- top-N --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 5, 30, 100])
def test_top_n_never_invents_rows(dtype, n):
    model = fitted(dtype)
    users = np.arange(40)
    ids, scores = model.recommend(users, MATRIX, N=n)
    assert ids.shape == scores.shape == (40, n)
    full = model.user_factors @ model.item_factors.T
    for user in users:
        seen = set(MATRIX[user].indices)
        true = min(n, 30 - len(seen))
        expected = [i for i in np.argsort(-full[user], kind="stable") if i not in seen][:true]
        assert not seen & set(ids[user])
        np.testing.assert_allclose(scores[user, :true], full[user, expected], rtol=1e-4, atol=1e-6)
        assert set(ids[user, :true]) <= set(range(30))
        assert len(set(ids[user, :true])) == true
        assert (ids[user, true:] == -1).all()
        assert np.isneginf(scores[user, true:]).all()


def test_a_user_who_has_seen_everything_gets_nothing():
    model = fitted()
    everything = csr_matrix(np.ones((1, 30), np.float32))
    ids, scores = model.recommend(0, everything, N=3)
    assert ids.tolist() == [-1, -1, -1]
    assert np.isneginf(scores).all()


def test_filters_hold():
    model = fitted()
    ids, _ = model.recommend(3, None, N=30, filter_already_liked_items=False, filter_items=[0, 7])
    assert {0, 7}.isdisjoint(ids)
    assert set(ids[:28]) == set(range(30)) - {0, 7}
    ids, _ = model.recommend(3, MATRIX[3], N=30, items=[1, 2, 3, 2])
    assert set(ids) - {-1} == {1, 2, 3} - set(MATRIX[3].indices)
    ids, scores = model.similar_items(5, N=40)
    assert ids[0] == 5
    assert scores[0] == pytest.approx(1.0, abs=1e-5)
    assert ids[30:].tolist() == [-1] * 10
    assert ids.tolist() == model.similar_items([5, 6], N=40)[0][0].tolist()
    assert 5 not in model.similar_items(5, filter_items=[5])[0]
    assert set(model.similar_users(2, N=5, users=[1, 4])[0]) == {1, 4, -1}


def test_an_empty_batch_gives_empty_arrays():
    model = fitted()
    ids, scores = model.recommend([], MATRIX[:0], N=4)
    assert ids.shape == scores.shape == (0, 4)
    assert model.recalculate_user([], MATRIX[:0]).shape == (0, 8)


def test_ranking_follows_new_factors():
    model = fitted()
    before, _ = model.recommend(0, None, filter_already_liked_items=False)
    model.similar_items(0)
    model.item_factors = -model.item_factors
    after, _ = model.recommend(0, None, filter_already_liked_items=False)
    assert before[0] not in after
    assert model.similar_items(0)[0][0] == 0


# ---- fresh factors ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("exponent", [0.0, 0.7])
def test_recalculated_factors_are_those_of_an_exact_half_sweep(dtype, exponent):
    model = fitted(dtype, solver="cholesky", regularization_exponent=exponent, alpha=3.0)
    users = model.recalculate_user(np.arange(40), MATRIX)
    items = model.item_factors.copy()
    model.iterations = 1
    model.fit(MATRIX, show_progress=False)  # its first half solves users against the same items
    np.testing.assert_allclose(users, model.user_factors, rtol=1e-4, atol=1e-6)
    narrow = MATRIX[:, :20].tocsr()
    wide = csr_matrix((narrow.data, narrow.indices, narrow.indptr), shape=(40, 30))
    model.item_factors = items
    np.testing.assert_array_equal(
        model.recalculate_user(np.arange(40), narrow), model.recalculate_user(np.arange(40), wide)
    )


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_users_and_items_have_their_own_regularization(solver):
    model = fitted("float64", solver=solver, cg_steps=60, item_regularization=7.0)
    items = model.recalculate_item(np.arange(30), MATRIX.T.tocsr())
    np.testing.assert_allclose(items, model.item_factors, rtol=1e-6, atol=1e-8)
    users = model.recalculate_user(np.arange(40), MATRIX)
    model.item_regularization = None
    np.testing.assert_array_equal(model.recalculate_user(np.arange(40), MATRIX), users)
    softer = model.recalculate_item(np.arange(30), MATRIX.T.tocsr())
    assert (np.linalg.norm(softer, axis=1) > 1.02 * np.linalg.norm(items, axis=1)).all()


def test_partial_fit_grows_the_model():
    model = fitted()
    history = csr_matrix(MATRIX[[3, 5]])
    model.partial_fit_users([43, 1], history)
    assert model.user_factors.shape == (44, 8)
    np.testing.assert_array_equal(
        model.user_factors[[43, 1]], model.recalculate_user([0, 1], history)
    )
    assert not model.user_factors[40:43].any()
    columns = csr_matrix(MATRIX.T)[[2]]
    model.partial_fit_items(np.array([30]), columns)
    assert model.item_factors.shape == (31, 8)
    assert model.recommend(43, None, N=31, filter_already_liked_items=False)[0].min() == 0
    with pytest.raises(InvalidInputError, match="twice"):
        model.partial_fit_users([1, 1], history)
    with pytest.raises(InvalidInputError, match="-2"):
        model.partial_fit_items([-2], columns)
    with pytest.raises(InvalidInputError, match="2 rows"):
        model.partial_fit_users([1], history)


def test_explanations_add_up():
    model = fitted(regularization_exponent=0.5, unobserved_weight=0.3, alpha=2.0)
    for user in range(10):
        total, top, _ = model.explain(user, MATRIX, 4, N=30)
        factor = model.recalculate_user(user, MATRIX[user])
        assert total == pytest.approx(float(factor @ model.item_factors[4]), rel=1e-3, abs=1e-5)
        assert total == pytest.approx(sum(score for _, score in top), abs=1e-12)
        liked = MATRIX[user].indices[MATRIX[user].data > 0]
        assert sorted(item for item, _ in top) == sorted(liked)
        assert [score for _, score in top] == sorted((score for _, score in top), reverse=True)


# ---- training -----------------------------------------------------------------------------------


def test_training_goes_on_from_factors_that_are_set():
    once, twice = fitted(iterations=4), fitted(iterations=2)
    twice.fit(MATRIX, show_progress=False)
    np.testing.assert_array_equal(once.user_factors, twice.user_factors)
    twice.user_factors = None
    twice.item_factors = None
    twice.iterations = 4
    twice.fit(MATRIX, show_progress=False)
    np.testing.assert_array_equal(once.item_factors, twice.item_factors)


@pytest.mark.parametrize(
    "state",
    [np.random.default_rng(5), np.random.RandomState(5), None, np.int64(5), 5],
)
def test_random_states(state):
    fitted(random_state=state)


def test_the_form_of_the_input_does_not_matter():
    expected = fitted().user_factors
    shuffled = MATRIX.tocoo()
    order = np.random.default_rng(3).permutation(shuffled.nnz)
    split = sp.coo_matrix(
        (
            np.concatenate([shuffled.data[order] / 2, shuffled.data / 2]),
            (
                np.concatenate([shuffled.row[order], shuffled.row]),
                np.concatenate([shuffled.col[order], shuffled.col]),
            ),
        ),
        shape=MATRIX.shape,
    )
    unsorted = csr_matrix(MATRIX)
    unsorted.indices = unsorted.indices.copy()
    unsorted.data = unsorted.data.copy()
    begin, end = unsorted.indptr[2], unsorted.indptr[3]
    unsorted.indices[begin:end] = unsorted.indices[begin:end][::-1]
    unsorted.data[begin:end] = unsorted.data[begin:end][::-1]
    unsorted.has_sorted_indices = False
    unsorted.has_canonical_format = False
    long = csr_matrix(MATRIX, dtype=np.float64)
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    for given in (
        split,
        split.tocsc(),
        unsorted,
        long,
        MATRIX.astype(np.int16),
        sp.csr_array(MATRIX),
    ):
        before = given.copy()
        model = AlternatingLeastSquares(8, iterations=4, random_state=2, num_threads=1)
        model.fit(given, show_progress=False)
        np.testing.assert_allclose(model.user_factors, expected, rtol=1e-4, atol=1e-6)
        assert given.nnz == before.nnz
        assert (given != before).nnz == 0


def test_empty_rows_and_columns_get_zeros():
    matrix = MATRIX.tolil()
    matrix[7], matrix[:, 9] = 0, 0
    for solver in ("cg", "cholesky", "subspace"):
        model = AlternatingLeastSquares(8, solver=solver, random_state=1, iterations=3)
        model.fit(csr_matrix(matrix.tocsr()), show_progress=False)
        assert not model.user_factors[7].any()
        assert not model.item_factors[9].any()
        assert np.isfinite(model.user_factors).all()


def test_callback_and_log(caplog):
    told = []
    with caplog.at_level(logging.INFO, "recsys.als"):
        model = AlternatingLeastSquares(4, iterations=3, random_state=1)
        model.fit(MATRIX, show_progress=True, callback=lambda *args: told.append(args))
    assert [number for number, _, _ in told] == [0, 1, 2]
    assert all(seconds > 0 and loss is None for _, seconds, loss in told)
    assert len(caplog.records) == 3


def test_progress_is_shown_on_a_terminal_only(capsys, monkeypatch):
    fitted_model = AlternatingLeastSquares(4, iterations=2, calculate_training_loss=True)
    fitted_model.fit(MATRIX, show_progress=True)
    assert capsys.readouterr() == ("", "")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    fitted_model.fit(MATRIX, show_progress=False)
    assert screen.getvalue() == ""
    fitted_model.fit(MATRIX, show_progress=True)
    assert "2/2" in screen.getvalue()
    assert "loss" in screen.getvalue()


def test_refined_users_are_exact_and_in_place():
    matrix = random_matrix(80, 50, 0.2, seed=3)
    model = AlternatingLeastSquares(12, 0.1, iterations=2, random_state=1)
    model.fit(matrix, show_progress=False)
    before = model.user_factors
    model.refine_users(matrix)
    assert model.user_factors is before
    exact = model.recalculate_user(np.arange(80), matrix)
    np.testing.assert_array_equal(model.user_factors, exact)
    with pytest.raises(InvalidInputError, match="expected"):
        model.refine_users(matrix[:5])
