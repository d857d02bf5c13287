"""The sweep benchmark runs, and tells what it has to tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.powerlaw import powerlaw_matrix

REPOSITORY = Path(__file__).resolve().parents[2]


def test_matrix_has_the_shape_it_claims():
    matrix = powerlaw_matrix(500, 200, 6_000, seed=3)
    assert matrix.shape == (500, 200)
    assert matrix.nnz == 6_000
    matrix.check_format(full_check=True)
    assert (np.diff(matrix.indices)[np.diff(np.repeat(np.arange(500), np.diff(matrix.indptr))) == 0]
            > 0).all()  # fmt: skip
    popular = np.sort(np.bincount(matrix.indices, minlength=200))[::-1]
    assert popular[:20].sum() > 0.3 * matrix.nnz  # a head
    assert popular[100:].sum() > 0.05 * matrix.nnz  # and a tail
    again = powerlaw_matrix(500, 200, 6_000, seed=3)
    assert (matrix != again).nnz == 0
    with pytest.raises(ValueError, match="quarter"):
        powerlaw_matrix(10, 10, 26, seed=1)


def test_tiny_run_prints_and_writes_the_result(tmp_path):
    written = tmp_path / "sweep.json"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.als_sweep", "--tiny", "--rounds", "2",
         "--json", str(written)],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(written.read_text())
    assert result["contenders"][0]["name"] == "alsatian"
    for contender in result["contenders"]:
        assert contender["name"] in done.stdout
        assert len(contender["seconds"]) == 2
        assert contender["objective"] > 0
    measured = {contender["name"].split()[0] for contender in result["contenders"]}
    assert measured | set(result["absent"]) == {"alsatian", "implicit", "irspack", "cmfrec"}
    if "implicit" in measured:  # same start, same settings: the same objective after the sweeps
        ours, theirs = (c for c in result["contenders"] if c["name"] in ("alsatian", "implicit"))
        assert ours["objective"] == pytest.approx(theirs["objective"], rel=1e-4)
        assert len(result["ratios_to_fastest_peer"]) == 2
    for fact in ("SIMD", "seed 1", "2 threads", "versions"):
        assert fact in done.stdout
