"""The model as its user meets it: top-N that tells the truth, growth, files, and bad input."""

from __future__ import annotations

import io
import json
import logging

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse import coo_matrix, csr_matrix

from recsys.als import AlternatingLeastSquares, files, memory
from recsys.als.config import ALSConfig
from recsys.als.sparse import canonical_csr
from recsys.errors import (
    AlsatianError,
    CapacityError,
    InputNotFoundError,
    InvalidInputError,
    ModelFormatError,
    NotFittedError,
)

from .conftest import random_matrix

MATRIX = random_matrix(40, 30, 0.2, seed=1)


def fitted(dtype: str = "float32", **settings) -> AlternatingLeastSquares:
    defaults = {"factors": 8, "iterations": 4, "random_state": 2, "num_threads": 1}
    model = AlternatingLeastSquares(**(defaults | settings), dtype=dtype)
    model.fit(MATRIX, show_progress=False)
    return model


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


# ---- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_save_and_load(tmp_path, dtype):
    model = fitted(dtype, solver="cholesky", unobserved_weight=0.5, item_regularization=0.25)
    path = tmp_path / "factors"
    model.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["factors"]
    back = AlternatingLeastSquares.load(str(path))
    assert back.config == model.config
    assert back.random_state == 2
    np.testing.assert_array_equal(back.user_factors, model.user_factors)
    np.testing.assert_array_equal(back.item_factors, model.item_factors)
    buffer = io.BytesIO()
    model.save(buffer)
    assert AlternatingLeastSquares.load(io.BytesIO(buffer.getvalue())).config == model.config
    back.fit(MATRIX, show_progress=False)  # what was loaded can be trained on


def _with_header(content: bytes, **changes: str) -> bytes:
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"].update(changes)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def test_damaged_and_newer_files_are_refused(tmp_path):
    path = tmp_path / "model"
    fitted().save(path)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[-5] ^= 1
    config = ALSConfig(factors=8)
    cases = {
        "damaged": [
            b"",
            content[:5],
            content[:100],
            content[:-1],
            content + b"x",
            bytes(flipped),
            b"\xff" * 64,
            _with_header(content, config="{}}"),
            _with_header(content, config=json.dumps(config.to_dict() | {"cg_stepz": 1})),
            _with_header(content, config=json.dumps(config.to_dict() | {"factors": 9})),
            _with_header(content, sha256="0" * 64),
        ],
        "upgrade": [_with_header(content, version=str(files.VERSION + 1))],
        "give another file": [_with_header(content, format="else")],
    }
    for mend, contents in cases.items():
        for number, changed in enumerate(contents):
            path.write_bytes(changed)
            with pytest.raises(ModelFormatError, match=mend) as raised:
                AlternatingLeastSquares.load(path)
            assert str(path) in str(raised.value), number
            assert "\n" not in str(raised.value)
    with pytest.raises(InputNotFoundError):
        AlternatingLeastSquares.load(tmp_path / "absent")


# ---- bad input ----------------------------------------------------------------------------------


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


# ---- memory -------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused_before_it_is_allocated():
    huge = csr_matrix(([1.0], ([0], [0])), shape=(1_000, 2_000_000_000))
    with pytest.raises(CapacityError, match=r"takes [\d,]+ bytes, [\d,]+ are available"):
        AlternatingLeastSquares(4096).fit(huge, show_progress=False)


def write_group(folder, *, limit, used, droppable):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {droppable}\n")


def test_available_memory_is_the_least_of_system_and_container(monkeypatch, tmp_path):
    assert memory.available_bytes() > 1 << 20
    monkeypatch.setattr(memory, "_cgroup_bytes", lambda: 3000)
    assert memory.available_bytes() == 3000
    monkeypatch.setattr(memory, "_cgroup_bytes", lambda: None)
    assert memory.available_bytes() > 1 << 20


def test_the_limit_of_a_nested_group_counts_and_dropped_cache_does_not(tmp_path):
    own = tmp_path / "own"
    own.write_text("0::/service/job\n")
    root = tmp_path / "cgroup"
    write_group(root / "service" / "job", limit="max", used=500, droppable=0)
    assert memory._cgroup_bytes(root, own) is None
    write_group(root / "service", limit=10_000, used=9_000, droppable=4_000)
    assert memory._cgroup_bytes(root, own) == 5_000
    write_group(root / "service" / "job", limit=2_000, used=500, droppable=0)
    assert memory._cgroup_bytes(root, own) == 1_500


def test_the_first_version_of_groups(tmp_path):
    own = tmp_path / "own"
    own.write_text("3:cpu,memory:/job\n1:name=x:/\n")
    folder = tmp_path / "cgroup" / "memory" / "job"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("7000")
    (folder / "memory.usage_in_bytes").write_text("6000")
    (folder / "memory.stat").write_text("total_inactive_file 300\n")
    assert memory._cgroup_bytes(tmp_path / "cgroup", own) == 1_300
    assert memory._cgroup_bytes(tmp_path / "cgroup", tmp_path / "none") is None


def test_small_integers_do_not_wrap_around():
    for dtype in (np.int8, np.uint8, np.int16):
        many = coo_matrix((np.ones(300, dtype), (np.zeros(300, int), np.zeros(300, int))))
        assert canonical_csr(many, "matrix").toarray().tolist() == [[300.0]]


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
