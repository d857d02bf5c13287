"""Training memory: at most 1.3 times both orientations of the matrix and both sides of factors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

PROGRAM = """
import sys
import numpy as np
from scipy.sparse import csr_matrix
from recsys.als import AlternatingLeastSquares

def resident(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

warm = csr_matrix(np.ones((4, 4), np.float32))
AlternatingLeastSquares(8, num_threads=2).fit(warm, show_progress=False)  # imports and threads
before = resident("VmRSS:")
users, items, entries, factors = 200_000, 60_000, 40, 32
rng = np.random.default_rng(1)
indices = np.empty((users, entries), np.int32)
for begin in range(0, users, 1_000):
    drawn = rng.integers(0, items - entries, (1_000, entries), dtype=np.int32)
    drawn.sort(axis=1)
    indices[begin : begin + 1_000] = drawn + np.arange(entries, dtype=np.int32)
matrix = csr_matrix(
    (np.ones(users * entries, np.float32), indices.reshape(-1), np.arange(users + 1) * entries),
    shape=(users, items),
)
model = AlternatingLeastSquares(factors, iterations=2, num_threads=2, solver=sys.argv[1])
model.fit(matrix, show_progress=False)
orientations = 2 * matrix.nnz * 8 + (users + items + 2) * 8
bound = orientations + (users + items) * factors * 4
print((resident("VmHWM:") - before) / bound)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize("solver", ["cg", "cholesky", "subspace"])
def test_peak_is_within_the_promise(solver):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, solver],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ratio = float(done.stdout)
    assert 0.9 < ratio < 1.3, f"peak is {ratio:.2f} times matrix and factors"
