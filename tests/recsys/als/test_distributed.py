"""Training in blocks: as one machine's, bit for bit, on a cluster that loses machines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, vstack

from recsys.als import AlternatingLeastSquares, cpu
from recsys.als.config import ALSConfig
from recsys.als.distributed import DistributedALS
from recsys.als.distributed.blocks import (
    LEAST_ROWS,
    Half,
    Told,
    block_entries,
    cut_rows,
    placed,
    solve_block,
)
from recsys.als.reference import Terms
from recsys.als.ways import Size, choose_way
from recsys.errors import AlsatianError, ClusterError, InvalidInputError, MissingExtraError
from recsys.interactions import Interactions
from recsys.recommender import Recommender

from .conftest import random_factors, random_matrix

MATRIX = random_matrix(700, 300, 0.05, seed=3)


def pair(machines, matrix=MATRIX, fit=None, **options):
    """The same training here and on the cluster."""
    defaults = {"factors": 16, "iterations": 4, "random_state": 2, "regularization": 0.05}
    cluster = {name: options.pop(name) for name in ("blocks", "reduce_gramians") if name in options}
    here = AlternatingLeastSquares(**(defaults | options), num_threads=1)
    there = DistributedALS(**(defaults | options), address=machines.address, **cluster)
    for model in (here, there):
        model.fit(matrix, show_progress=False, **(fit or {}))
    return here, there


def assert_equal(here, there):
    for name in ("user_factors", "item_factors"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name), err_msg=name)


# ---- blocks, without a cluster -------------------------------------------------------------------


@given(
    rows=st.integers(1, 3000),
    count=st.integers(1, 40),
    mean=st.floats(0, 50),
    solver=st.sampled_from(["cg", "cholesky", "subspace", "auto"]),
    seed=st.integers(0, 5),
)
@settings(deadline=None, max_examples=60)
def test_rows_are_cut_into_blocks_of_alike_cost(rows, count, mean, solver, seed):
    lengths = np.random.default_rng(seed).poisson(mean, rows)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    half = Half(Size(rows, int(indptr[-1])), ALSConfig(factors=8, solver=solver), "matrix")
    borders = cut_rows(indptr, count, half)
    assert (borders[0], borders[-1]) == (0, rows)
    sizes = np.diff(borders)
    assert len(sizes) == max(1, min(count, rows // LEAST_ROWS))
    assert sizes.min() >= min(rows, LEAST_ROWS)
    if sizes.min() > LEAST_ROWS and mean > 1:
        entries = np.diff(indptr[borders])
        assert entries.max() <= 1.5 * entries.mean() + lengths.max()


def test_blocks_stay_where_they_are_and_move_where_they_have_to():
    rooms = {"a": 2, "b": 1}
    first = placed(6, rooms, [None] * 6)
    assert sorted(first) == ["a"] * 4 + ["b"] * 2
    assert placed(6, rooms, first) == first
    moved = placed(6, {"b": 1, "c": 2}, first)
    assert sorted(moved) == ["b"] * 2 + ["c"] * 4
    assert all(after == "b" for before, after in zip(first, moved, strict=True) if before == "b")
    assert placed(2, {}, ["a", "b"]) == [None, None]


@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
@pytest.mark.parametrize("gathered", ["same", "bfloat16"])
@pytest.mark.parametrize("extras", [False, True])
def test_a_block_is_solved_as_the_whole_would_be(solver, gathered, extras):
    rng = np.random.default_rng(5)
    matrix = random_matrix(400, 120, 0.1, seed=5)
    matrix.data[7] = 900.0  # in the first block alone: with it the core reads less narrowly
    config = ALSConfig(factors=16, solver=solver, gathered_dtype=gathered, num_threads=1)
    own, held = random_factors(400, 16, "float32", 1), random_factors(120, 16, "float32", 2)
    terms = Terms()
    if extras:
        weights = rng.random(400, np.float32), rng.random(120, np.float32)
        terms = Terms(*weights, rng.random(120, np.float32), rng.random((400, 16), np.float32))
    whole = own.copy()
    cpu.solve(cpu.sparse_rows(matrix, "matrix"), whole, held, config, terms=terms)
    size = Size(400, matrix.nnz)
    way = choose_way(size, held, config, terms=terms, with_gramian=True)
    told = Told(Half(size, config, "matrix"), None, way, terms.column_weights, terms.offsets, None)
    entries = (matrix.indptr.astype(np.int64), matrix.indices, matrix.data)
    for first, last in ((0, 130), (130, 270), (270, 400)):
        rows = slice(first, last)
        solved, part = solve_block(
            told,
            held,
            own,
            block_entries(entries, first, last, float(abs(matrix.data).max())),
            first,
            last,
            None if terms.row_weights is None else terms.row_weights[rows],
            None if terms.priors is None else terms.priors[rows],
        )
        np.testing.assert_array_equal(solved, whole[rows])
        assert part is None


def test_settings_are_checked_and_errors_are_one_line():
    for options, says in [
        ({"blocks": 0}, "blocks is 0"),
        ({"retries": -1}, "retries is -1"),
        ({"factors": 0}, "factors is 0"),
    ]:
        with pytest.raises(InvalidInputError, match=says):
            DistributedALS(**options)
    with pytest.raises(InvalidInputError, match="device is 'cuda'"):
        DistributedALS(device="cuda").fit(MATRIX)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"alsatian\[ray\]"):
        DistributedALS().fit(MATRIX, show_progress=False)


# ---- on a cluster of three machines --------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "cholesky", "dtype": "float64", "blocks": 2},
        {"solver": "subspace", "subspace_dimension": 8},
        {"gathered_dtype": "bfloat16", "regularization_exponent": 1.0, "item_regularization": 0.1},
        {"biases": True, "popularity_exponent": 0.5, "unobserved_weight": 0.2, "blocks": 4},
        {"calculate_training_loss": True},
    ],
)
def test_factors_are_those_of_one_machine(connection, options):
    here, there = pair(connection, **options)
    assert_equal(here, there)
    losses = [[one["loss"] for one in model.history_] for model in (here, there)]
    if options.get("calculate_training_loss"):
        assert losses[1] == pytest.approx(losses[0], rel=1e-12)
    else:
        assert losses == [[None] * 4] * 2


def test_features_checkpoints_and_validation_work_as_on_one_machine(connection, tmp_path):
    features = np.random.default_rng(0).normal(size=(MATRIX.shape[0], 3))
    scores = {
        kind: iter([0.1, 0.5, 0.2, 0.3]) for kind in (AlternatingLeastSquares, DistributedALS)
    }
    here, there = pair(
        connection,
        fit={
            "user_features": features,
            "validation": lambda model: next(scores[type(model)]),
        },
    )
    assert_equal(here, there)
    assert there.best_sweep_ == 2
    some = {"factors": 8, "random_state": 1, "num_threads": 1}
    begun = DistributedALS(**some, iterations=2, address=connection.address)
    begun.fit(MATRIX, show_progress=False, checkpoint=tmp_path)
    ended = AlternatingLeastSquares(**some, iterations=5)
    ended.fit(MATRIX, show_progress=False, checkpoint=tmp_path, resume=True)
    straight = AlternatingLeastSquares(**some, iterations=5)
    straight.fit(MATRIX, show_progress=False)
    assert_equal(straight, ended)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_reduced_gramians_differ_by_rounding(connection, dtype, tolerance):
    here, there = pair(connection, dtype=dtype, reduce_gramians=True, biases=True, blocks=3)
    assert there.objective(MATRIX) == pytest.approx(here.objective(MATRIX), rel=tolerance)
    assert not np.array_equal(there.user_factors, here.user_factors)
    again = pair(connection, dtype=dtype, reduce_gramians=True, biases=True, blocks=3)[1]
    assert_equal(there, again)


LONG = {"factors": 96, "iterations": 5, "random_state": 4, "solver": "cholesky"}
MANY = random_matrix(4000, 1500, 0.02, seed=8)


@pytest.fixture(scope="module")
def undisturbed() -> AlternatingLeastSquares:
    model = AlternatingLeastSquares(**LONG, num_threads=1)
    model.fit(MANY, show_progress=False)
    return model


@pytest.mark.parametrize("what", ["machine", "process"])
def test_a_death_in_the_middle_changes_nothing(machines, undisturbed, what):
    deed = machines.kill_one if what == "machine" else lambda: machines.kill_task("solve_block")
    later = machines.later(deed, 0.1)
    model = DistributedALS(**LONG, address=machines.address, blocks=6)
    model.fit(
        MANY, show_progress=False, callback=lambda state: later() if state.sweep == 2 else None
    )
    later.join()
    assert later.came_to is not False
    assert len(model.history_) == LONG["iterations"]
    assert_equal(undisturbed, model)


def test_what_a_task_finds_wrong_is_told_with_the_row_of_the_whole(connection):
    wild = vstack([MATRIX, csr_matrix(([3e38, 3e38], ([0, 0], [1, 2])), shape=(1, 300))], "csr")
    for model in (
        AlternatingLeastSquares(factors=8, random_state=0),
        DistributedALS(factors=8, random_state=0, blocks=5, address=connection.address),
    ):
        with pytest.raises(InvalidInputError, match="row 700 is not finite") as raised:
            model.fit(wild, show_progress=False)
        assert "\n" not in str(raised.value)


def test_no_room_and_no_cluster_are_told_at_once(machines):
    for options, kind, says in [
        ({"num_threads": 2, "address": machines.address}, ClusterError, "2 CPUs, which none of"),
        ({"address": "127.0.0.1:9"}, ClusterError, "nothing listens there"),
        ({"address": "ray://127.0.0.1:10001"}, InvalidInputError, "expected HOST:PORT"),
        ({"address": "somewhere"}, InvalidInputError, "expected HOST:PORT"),
    ]:
        begin = time.monotonic()
        with pytest.raises(kind, match=says) as raised:
            DistributedALS(factors=4, **options).fit(MATRIX, show_progress=False)
        assert isinstance(raised.value, AlsatianError)
        assert "\n" not in str(raised.value)
        assert time.monotonic() - begin < 10


def test_a_recommender_takes_it(connection):
    frame = {"user_id": [1, 1, 2, 2, 3], "item_id": [5, 6, 5, 7, 6]}
    import pyarrow as pa

    events = Interactions.from_frame(pa.table(frame))
    made = [
        Recommender.fit(events, model=kind(factors=4, random_state=0, iterations=2, **options))
        for kind, options in [
            (AlternatingLeastSquares, {}),
            (DistributedALS, {"address": connection.address}),
        ]
    ]
    assert made[0].recommend([1, 2, 3], n=2).equals(made[1].recommend([1, 2, 3], n=2))


INTERRUPTED = """
import sys
from scipy.sparse import load_npz
from recsys.als.distributed import DistributedALS

model = DistributedALS(factors=96, iterations=1000, random_state=1, solver="cholesky",
                       address=sys.argv[2], blocks=3)
try:
    model.fit(load_npz(sys.argv[1]), callback=lambda state: print(state.sweep, flush=True))
except KeyboardInterrupt:
    print("interrupted", bool(model.user_factors.std() > 0), flush=True)
"""


def test_an_interrupt_leaves_a_usable_model(machines, tmp_path):
    from scipy.sparse import save_npz

    save_npz(tmp_path / "matrix.npz", MANY)
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "matrix.npz"), machines.address],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "1\n"
    child.send_signal(signal.SIGINT)
    begin = time.monotonic()
    while (line := child.stdout.readline()).strip().isdigit():
        pass
    assert line == "interrupted True\n"
    assert time.monotonic() - begin < 5
    assert child.wait(30) == 0
