"""A drop-in for implicit's model: names, shapes, dtypes, and the same objective value."""

from __future__ import annotations

import inspect

import implicit.cpu.als
import numpy as np
import pyarrow.parquet as pq
import pytest
import threadpoolctl
from scipy.sparse import csr_matrix

from recsys.als import AlternatingLeastSquares
from recsys.errors import InvalidInputError

from .conftest import random_matrix

METHODS = [
    "fit",
    "recommend",
    "similar_items",
    "similar_users",
    "explain",
    "recalculate_user",
    "recalculate_item",
    "partial_fit_users",
    "partial_fit_items",
    "recommend_all",
    "rank_items",
    "save",
    "load",
]


@pytest.fixture
def single_threaded_blas():
    with threadpoolctl.threadpool_limits(1, "blas"):
        yield


def peer_of(model, **settings):
    peer = model.to_implicit()
    peer.num_threads = 2
    for name, value in settings.items():
        setattr(peer, name, value)
    return peer


@pytest.mark.parametrize("method", METHODS)
def test_arguments_have_the_same_names_order_and_defaults(method):
    ours = inspect.signature(getattr(AlternatingLeastSquares, method)).parameters
    theirs = inspect.signature(getattr(implicit.cpu.als.AlternatingLeastSquares, method)).parameters
    own = [name for name in ours if name not in theirs]
    assert list(ours) == [*theirs, *own]
    assert all(ours[name].kind is inspect.Parameter.KEYWORD_ONLY for name in own)
    for name in theirs:
        assert ours[name].default == theirs[name].default
        assert ours[name].kind == theirs[name].kind


@pytest.mark.parametrize("name", ["factors", "regularization", "alpha", "iterations", "dtype"])
def test_attributes_have_the_same_names(name):
    peer = implicit.cpu.als.AlternatingLeastSquares(factors=5, dtype=np.float64)
    ours = AlternatingLeastSquares(factors=5, dtype=np.float64)
    assert getattr(ours, name) == getattr(peer, name)
    for derived in ("user_factors", "item_factors"):
        assert getattr(ours, derived) is None
        assert getattr(peer, derived) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_seed_starts_from_the_same_factors(dtype):
    matrix = random_matrix(30, 20, 0.2, seed=1)
    model = AlternatingLeastSquares(8, iterations=0, dtype=dtype, random_state=7)
    peer = peer_of(model)
    model.fit(matrix, show_progress=False)
    peer.fit(matrix, show_progress=False)
    np.testing.assert_array_equal(model.user_factors, peer.user_factors)
    np.testing.assert_array_equal(model.item_factors, peer.item_factors)


@pytest.mark.usefixtures("single_threaded_blas")
@pytest.mark.parametrize("solver", ["cg", "cholesky"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_reaches_the_same_objective(solver, dtype):
    # Likes only: implicit adds the confidence of a dislike to its loss as if it were a miss.
    matrix = abs(random_matrix(300, 200, 0.1, seed=2))
    settings = {"solver": solver, "dtype": dtype, "random_state": 3, "alpha": 2.0}
    model = AlternatingLeastSquares(
        20, 0.05, iterations=6, calculate_training_loss=True, **settings
    )
    peer = peer_of(model)
    ours, theirs = [], []
    model.fit(matrix, show_progress=False, callback=lambda *told: ours.append(told))
    peer.fit(matrix, show_progress=False, callback=lambda *told: theirs.append(told))
    assert [told[0] for told in ours] == [told[0] for told in theirs]
    np.testing.assert_allclose(
        [told[2] for told in ours],
        [told[2] for told in theirs],
        rtol=1e-4 if dtype == "float32" else 1e-6,
    )


@pytest.mark.usefixtures("single_threaded_blas")
@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_dislikes_are_learned_as_implicit_learns_them(solver):
    matrix = random_matrix(200, 150, 0.1, seed=11)
    assert (matrix.data < 0).any()
    model = AlternatingLeastSquares(10, 0.1, iterations=4, solver=solver, dtype="float64")
    model.random_state = 12
    peer = peer_of(model)
    model.fit(matrix, show_progress=False)
    peer.fit(matrix, show_progress=False)
    np.testing.assert_allclose(model.user_factors, peer.user_factors, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("single_threaded_blas")
def test_movielens_1m_reaches_the_objective_of_implicit(ml1m):
    table = pq.read_table(ml1m / "interactions.parquet")
    users = table["user_id"].combine_chunks().dictionary_encode()
    items = table["item_id"].combine_chunks().dictionary_encode()
    matrix = csr_matrix(
        (
            np.ones(len(table), np.float32),
            (users.indices.to_numpy(), items.indices.to_numpy()),
        )
    )
    model = AlternatingLeastSquares(64, iterations=3, alpha=10.0, random_state=4)
    peer = peer_of(model)
    model.fit(matrix, show_progress=False)
    peer.fit(matrix, show_progress=False)
    reached = AlternatingLeastSquares.from_implicit(peer).objective(matrix)
    assert model.objective(matrix) == pytest.approx(reached, rel=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_are_those_of_implicit(dtype):
    matrix = random_matrix(60, 50, 0.15, seed=5)
    model = AlternatingLeastSquares(12, 0.1, dtype=dtype, random_state=6, iterations=5)
    model.fit(matrix, show_progress=False)
    peer = peer_of(model)
    batch = np.arange(10)
    calls = {
        "recommend": [
            ((3, matrix[3]), {"N": 7}),
            ((batch, matrix[batch]), {"N": 5}),
            ((batch, None), {"N": 4, "filter_already_liked_items": False}),
            ((3, matrix[3]), {"filter_items": [0, 1, 2]}),
            ((batch, matrix[batch]), {"items": [9, 4, 30, 31, 32, 33, 34, 2, 40, 45], "N": 2}),
            ((batch, matrix[batch]), {"recalculate_user": True, "N": 6}),
        ],
        "similar_items": [
            ((4,), {"N": 6}),
            ((batch,), {"N": 3}),
            ((4,), {"items": [4, 8, 9, 1], "N": 4}),
            ((4,), {"filter_items": [4]}),
            ((2,), {"recalculate_item": True, "item_users": matrix.T.tocsr()[2]}),
        ],
        "similar_users": [((4,), {"N": 6}), ((batch,), {"users": [1, 5, 7, 30], "N": 4})],
    }
    for method, variations in calls.items():
        for arguments, options in variations:
            ids, scores = getattr(model, method)(*arguments, **options)
            their_ids, their_scores = getattr(peer, method)(*arguments, **options)
            assert (ids.shape, ids.dtype) == (their_ids.shape, their_ids.dtype)
            assert (scores.shape, scores.dtype) == (their_scores.shape, their_scores.dtype)
            np.testing.assert_allclose(scores, their_scores, rtol=2e-3, atol=1e-4)
            np.testing.assert_array_equal(ids, their_ids)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fresh_factors_and_explanations_are_those_of_implicit(dtype):
    matrix = random_matrix(40, 30, 0.2, seed=7)
    model = AlternatingLeastSquares(10, 0.2, dtype=dtype, random_state=8, alpha=1.5, iterations=5)
    model.fit(matrix, show_progress=False)
    peer = peer_of(model)
    close = {"rtol": 5e-3, "atol": 1e-4}
    columns = matrix.T.tocsr()
    for ours, theirs in [
        (model.recalculate_user(2, matrix[2]), peer.recalculate_user(2, matrix[2])),
        (
            model.recalculate_user([1, 2], matrix[[1, 2]]),
            peer.recalculate_user([1, 2], matrix[[1, 2]]),
        ),
        (model.recalculate_item(2, columns[2]), peer.recalculate_item(2, columns[2])),
        (model.YtY, peer.YtY),
        (model.XtX, peer.XtX),
        (model.user_norms, peer.user_norms),
        (model.item_norms, peer.item_norms),
    ]:
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours, theirs, **close)
    total, top, weights = model.explain(5, matrix, 7, N=4)
    their_total, their_top, _ = peer.explain(5, matrix, 7, N=4)
    assert total == pytest.approx(their_total, rel=5e-3, abs=1e-4)
    assert [item for item, _ in top] == [item for item, _ in their_top]
    np.testing.assert_allclose([s for _, s in top], [s for _, s in their_top], **close)
    assert model.explain(5, matrix, 7, user_weights=weights, N=4)[0] == total


def test_deprecated_methods_answer_as_implicit_does():
    matrix = random_matrix(60, 50, 0.15, seed=5)
    model = AlternatingLeastSquares(12, 0.1, random_state=6, iterations=5)
    model.fit(matrix, show_progress=False)
    peer = peer_of(model)
    with pytest.warns(DeprecationWarning, match="recommend"):
        ours = model.recommend_all(matrix, N=4)
    with pytest.warns(DeprecationWarning, match="recommend"):
        np.testing.assert_array_equal(ours, peer.recommend_all(matrix, N=4))
    with pytest.warns(DeprecationWarning, match="recommend"):
        later = model.recommend_all(matrix[20:], N=4, users_items_offset=20)
    np.testing.assert_array_equal(later, ours[20:])
    chosen = [9, 4, 30, 31]
    with pytest.warns(DeprecationWarning, match="recommend"):
        ids, scores = model.rank_items(3, matrix[3], chosen)
    with pytest.warns(DeprecationWarning, match="recommend"):
        their_ids, their_scores = peer.rank_items(3, matrix[3], chosen)
    np.testing.assert_array_equal(ids, their_ids)
    np.testing.assert_allclose(scores, their_scores, rtol=1e-3, atol=1e-5)


def test_switches_of_implicit_are_understood():
    assert AlternatingLeastSquares(4, use_cg=False, use_native=True).solver == "cholesky"
    assert AlternatingLeastSquares(4, use_cg=True, use_native=False).use_native
    assert AlternatingLeastSquares(4, solver="cholesky", use_cg=False).use_cg is False
    assert AlternatingLeastSquares(4, use_gpu=False).device == "cpu"
    assert AlternatingLeastSquares(4, use_gpu=True).device == "cuda"
    model = AlternatingLeastSquares(4)
    model.use_cg = False
    assert model.solver == "cholesky"
    model.use_cg = True
    assert model.solver == "cg"
    for switches, says in [
        ({"use_cg": True, "solver": "cholesky"}, "use_cg"),
        ({"use_gpu": False, "device": "cuda"}, "use_gpu"),
        ({"use_cg": "yes"}, "use_cg"),
        ({"use_native": None}, "use_native"),
    ]:
        with pytest.raises(InvalidInputError, match=says):
            AlternatingLeastSquares(4, **switches)


def test_there_and_back_again():
    matrix = random_matrix(30, 20, 0.2, seed=9)
    model = AlternatingLeastSquares(
        6, 0.3, 2.0, 4, solver="cholesky", dtype="float64", random_state=10
    )
    model.fit(matrix, show_progress=False)
    back = AlternatingLeastSquares.from_implicit(model.to_implicit())
    assert back.config == model.config
    assert back.random_state == 10
    np.testing.assert_array_equal(back.user_factors, model.user_factors)
    np.testing.assert_array_equal(back.item_factors, model.item_factors)
    assert back.user_factors is not model.user_factors


@pytest.mark.parametrize(
    "setting",
    [{"unobserved_weight": 0.5}, {"regularization_exponent": 1.0}, {"item_regularization": 0.1}],
)
def test_what_implicit_cannot_express_is_refused(setting):
    with pytest.raises(InvalidInputError, match=next(iter(setting))):
        AlternatingLeastSquares(4, **setting).to_implicit()
    with pytest.raises(InvalidInputError, match="implicit"):
        AlternatingLeastSquares.from_implicit(object())
