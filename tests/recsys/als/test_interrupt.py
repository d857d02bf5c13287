"""Ctrl-C during training: stops within a second, and what is left can be used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

PROGRAM = """
import sys, time
import numpy as np
from scipy.sparse import csr_matrix
from recsys.als import AlternatingLeastSquares

solver, factors, users, entries = sys.argv[1], *map(int, sys.argv[2:])
rng = np.random.default_rng(1)
rows = [np.sort(rng.choice(20_000, entries, replace=False)) for _ in range(users)]
indices = np.concatenate(rows)
matrix = csr_matrix(
    (np.ones(len(indices), np.float32), indices, np.arange(users + 1) * entries),
    shape=(users, 20_000),
)
model = AlternatingLeastSquares(factors, solver=solver, iterations=1_000_000, random_state=1)
print("started", flush=True)
try:
    model.fit(matrix, show_progress=False)
except KeyboardInterrupt:
    interrupted = time.time()
    assert np.isfinite(model.user_factors).all() and np.isfinite(model.item_factors).all()
    ids, scores = model.recommend(0, matrix[0], N=5)
    assert (ids >= 0).all() and np.isfinite(scores).all()
    model.iterations = 0
    model.fit(matrix, show_progress=False)
    print(interrupted, flush=True)
    sys.exit(7)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize(
    ("solver", "factors", "users", "entries"),
    [
        ("cg", 64, 3_000, 400),  # many short rows
        ("subspace", 512, 300, 2_000),
        ("cholesky", 512, 300, 2_000),  # rows that take milliseconds
        ("cholesky", 1024, 4, 15_000),  # rows that take longer than a second: stopped inside
    ],
)
def test_ctrl_c_stops_within_a_second(solver, factors, users, entries):
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, solver, *map(str, (factors, users, entries))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        time.sleep(1.0)  # well inside the native loops
        sent = time.time()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 7, err
    assert float(out) - sent < 1.0
