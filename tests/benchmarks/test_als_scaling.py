"""The benchmark of growth runs, draws what it says, and sees what it looks for."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import als_scaling
from benchmarks.powerlaw import powerlaw_in_parts


def test_a_matrix_drawn_in_parts_is_canonical_and_nearly_full():
    matrix = powerlaw_in_parts(3_000, 2_000, 60_000, seed=4, part=7_000)
    matrix.check_format(full_check=True)
    fresh = matrix.copy()
    fresh.has_canonical_format = fresh.has_sorted_indices = False  # let scipy look for itself
    fresh.sum_duplicates()
    assert fresh.nnz == matrix.nnz
    assert 0.93 * 60_000 < matrix.nnz <= 60_000
    assert np.diff(matrix.indptr).max() <= 500
    popular = np.sort(np.bincount(matrix.indices, minlength=2_000))[::-1]
    assert popular[:200].sum() > 0.3 * matrix.nnz
    assert popular[1_000:].sum() > 0.05 * matrix.nnz
    again = powerlaw_in_parts(3_000, 2_000, 60_000, seed=4, part=7_000)
    assert (matrix != again).nnz == 0


def test_the_slope_is_the_exponent():
    points = [{"entries": n, "median_seconds": 1e-6 * n**1.25} for n in (1e5, 1e6, 1e7)]
    assert als_scaling.slope(points, "median_seconds") == pytest.approx(1.25)


def test_threads_below_the_number_given_are_powers_of_two():
    assert als_scaling._counts(1) == []
    assert als_scaling._counts(2) == [1]
    assert als_scaling._counts(6) == [1, 2, 4]


def test_tiny_run_writes_figures_and_a_plot(tmp_path, capsys):
    written, drawn = tmp_path / "scaling.json", tmp_path / "scaling.png"
    arguments = ["--tiny", "--entries", "2e4", "6e4", "--json", str(written), "--plot", str(drawn)]
    assert als_scaling.main(arguments) == 0
    result = json.loads(written.read_text())
    small, large = result["points"]
    assert 2 < large["entries"] / small["entries"] < 4.5
    assert all(seconds > 0 for seconds in small["seconds"] + large["seconds"])
    assert large["bound_bytes"] == 16 * large["entries"] + 8 * (
        large["users"] + large["items"] + 2
    ) + 64 * (large["users"] + large["items"])
    assert [one["threads"] for one in result["threads"]] == [1, 2]
    assert drawn.stat().st_size > 1000
    assert "slope" in capsys.readouterr().out
