"""Checkpoints: a training that was killed comes to the same factors, bit for bit."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from recsys.als import checkpoints
from recsys.errors import (
    AlsatianError,
    InvalidInputError,
    JobConflictError,
    ModelFormatError,
    StorageError,
)

from .small import with_header
from .trained import MATRIX, fit, made

REPOSITORY = Path(__file__).resolve().parents[3]


def same(one, other):
    np.testing.assert_array_equal(one.user_factors, other.user_factors)
    np.testing.assert_array_equal(one.item_factors, other.item_factors)
    for record, wanted in zip(one.history_, other.history_, strict=True):
        assert record | {"seconds": 0} == wanted | {"seconds": 0}
    assert one.best_sweep_ == other.best_sweep_


class Killed(BaseException):
    """Not an error that anything catches."""


def killed_at(sweep):
    def callback(state):
        if state.sweep == sweep:
            raise Killed

    return callback


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dtype": "float64"},
        {"gathered_dtype": "bfloat16"},
        {"solver": "cholesky"},
        {"solver": "subspace", "subspace_dimension": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("every", [1, 2, 4])
def test_a_resumed_training_is_the_uninterrupted_one(tmp_path, settings, every):
    settings = settings | {"calculate_training_loss": True}
    whole = fit(made(**settings))
    options = {"checkpoint": tmp_path / "new" / "kept", "checkpoint_every": every, "resume": True}
    with pytest.raises(Killed):
        fit(made(**settings), callback=killed_at(5), **options)
    told = []
    resumed = made(**settings | {"num_threads": 2})
    fit(resumed, callback=lambda iteration, *_: told.append(iteration), **options)
    assert told == list(range(4 // every * every, 6))
    same(resumed, whole)
    assert resumed.user_factors.ctypes.data % 64 == 0
    finished = fit(made(**settings), **options)  # nothing is left to do
    same(finished, whole)


def test_more_iterations_go_on_from_a_finished_training(tmp_path):
    fit(made(), checkpoint=tmp_path)
    same(fit(made(iterations=9), checkpoint=tmp_path, resume=True), fit(made(iterations=9)))
    with pytest.raises(InvalidInputError, match="at sweep 9, iterations is 6"):
        fit(made(), checkpoint=tmp_path, resume=True)


def scripted(scores):
    """A validation that knows what it says of each sweep."""
    return lambda model: scores[len(model.history_)]


@pytest.mark.parametrize("sweep", range(1, 6))
def test_the_best_state_survives(tmp_path, sweep):
    scores = [0.1, 0.5, 0.3, 0.2, 0.9, 0.8]
    whole = fit(made(), validation=scripted(scores), patience=3)
    assert whole.best_sweep_ == 5
    options = {"checkpoint": tmp_path, "resume": True, "patience": 3}
    with pytest.raises(Killed):
        fit(made(), validation=scripted(scores), callback=killed_at(sweep), **options)
    same(fit(made(), validation=scripted(scores), **options), whole)
    same(fit(made(), validation=scripted(scores), **options), whole)


def test_a_training_that_stopped_stays_stopped(tmp_path):
    options = {"checkpoint": tmp_path, "resume": True}
    stopped = fit(made(), callback=lambda state: state.sweep == 3, **options)
    assert len(stopped.history_) == 3
    same(fit(made(), **options), stopped)
    scores = [0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
    options = {"checkpoint": tmp_path / "early", "resume": True, "validation": scripted(scores)}
    early = fit(made(), patience=2, **options)
    assert len(early.history_) == 3
    same(fit(made(), patience=2, **options), early)
    assert len(fit(made(), patience=4, **options).history_) == 5  # more patience goes on


def test_a_warm_start_is_resumed_too(tmp_path):
    first = fit(made(iterations=2))
    again = fit(made(iterations=2))
    fit(first)
    with pytest.raises(Killed):
        fit(again, checkpoint=tmp_path, callback=killed_at(4))
    same(fit(made(iterations=2), checkpoint=tmp_path, resume=True), first)


# ---- killed by the system -----------------------------------------------------------------------

PROGRAM = """
import sys
import numpy as np
from scipy.sparse import random as random_matrix
from recsys.als import AlternatingLeastSquares

matrix = random_matrix(3_000, 2_000, 0.02, "csr", np.float32, random_state=1)
model = AlternatingLeastSquares(48, iterations=12, random_state=3, num_threads=1)
folder = sys.argv[1] or None
print("ready", flush=True)
model.fit(matrix, show_progress=False, checkpoint=folder, resume=folder is not None)
with open(sys.argv[2], "wb") as file:
    np.save(file, model.user_factors)
    np.save(file, model.item_factors)
"""


def start(folder: str, out: Path) -> subprocess.Popen:
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, str(out)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_sigkill_at_any_time_costs_nothing(tmp_path):
    begin = time.perf_counter()
    assert start("", tmp_path / "whole").wait(60) == 0
    took = time.perf_counter() - begin
    delays = random.Random(4)
    kills = 0
    for _ in range(40):
        child = start(str(tmp_path / "kept"), tmp_path / "resumed")
        try:
            child.wait(delays.uniform(0, 0.5 * took) if kills < 3 else 60)
            break
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            kills += 1
    assert child.returncode == 0
    assert kills > 0
    assert (tmp_path / "resumed").read_bytes() == (tmp_path / "whole").read_bytes()
    assert os.listdir(tmp_path / "kept") == [checkpoints.FILE]


# ---- what is refused ----------------------------------------------------------------------------


def test_another_training_is_refused(tmp_path):
    fit(made(), checkpoint=tmp_path)
    with pytest.raises(JobConflictError, match="resume=True"):
        fit(made(), checkpoint=tmp_path)
    other = MATRIX.copy()
    other.data[3] += 1
    cases = [
        (made(factors=9), MATRIX, "factors=8"),
        (made(regularization=0.2), MATRIX, "regularization=0.01"),
        (made(solver="cholesky"), MATRIX, "solver='cg'"),
        (made(dtype="float64"), MATRIX, "dtype='float32'"),
        (made(random_state=3), MATRIX, "random_state=2"),
        (made(), other, "other|made on"),
        (made(), MATRIX[:50], "60 users, 40 items"),
    ]
    for model, matrix, says in cases:
        with pytest.raises(InvalidInputError, match=says) as raised:
            fit(model, matrix, checkpoint=tmp_path, resume=True)
        assert "\n" not in str(raised.value)
        assert model.user_factors is None
    wide = MATRIX.copy()  # the same data in another form
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    fit(made(), wide.astype(np.float64), checkpoint=tmp_path, resume=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"resume": True}, "checkpoint"),
        ({"checkpoint": 5}, "int"),
        ({"checkpoint": "x", "checkpoint_every": 0}, "checkpoint_every"),
        ({"checkpoint": "x", "resume": "yes"}, "resume"),
    ],
)
def test_bad_arguments(tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match=says):
        fit(made(), **options)
    assert not list(tmp_path.iterdir())


def test_damaged_and_newer_checkpoints_are_refused(tmp_path):
    fit(made(), checkpoint=tmp_path)
    file = tmp_path / checkpoints.FILE
    content = file.read_bytes()
    flipped = bytearray(content)
    flipped[-5] ^= 1
    cases = [
        (b"", "damaged"),
        (content[:100], "damaged"),
        (content[:-1], "damaged"),
        (bytes(flipped), "SHA-256"),
        (with_header(content, state="{}"), "SHA-256"),
        (with_header(content, version="2"), "upgrade"),
        (with_header(content, format="else"), "no checkpoint"),
    ]
    for changed, says in cases:
        file.write_bytes(changed)
        with pytest.raises(ModelFormatError, match=says) as raised:
            fit(made(), checkpoint=tmp_path, resume=True)
        assert str(file) in str(raised.value)
        assert "\n" not in str(raised.value)
        assert file.read_bytes() == changed


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    with pytest.raises(Killed):
        fit(made(), checkpoint=tmp_path, callback=killed_at(3))
    before = (tmp_path / checkpoints.FILE).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    model = made()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="the disk is full"):
            fit(model, checkpoint=tmp_path, resume=True)
    assert (tmp_path / checkpoints.FILE).read_bytes() == before
    assert np.isfinite(model.user_factors).all()
    same(fit(made(), checkpoint=tmp_path, resume=True), fit(made()))
    (tmp_path / "file").write_text("")
    with pytest.raises(AlsatianError):
        fit(made(), checkpoint=tmp_path / "file")


def test_one_training_at_a_time(tmp_path):
    def second(state):
        with pytest.raises(JobConflictError, match="another process"):
            fit(made(), checkpoint=tmp_path, resume=True)
        return True

    fit(made(), checkpoint=tmp_path, callback=second)
