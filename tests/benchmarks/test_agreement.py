"""The checks of equal objectives hold on a small matrix, and can fail."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import agreement, time_to_quality
from benchmarks.peers import Alsatian
from benchmarks.powerlaw import powerlaw_matrix
from benchmarks.problem import Problem


def test_objectives_agree_and_are_least():
    result = agreement.run(1, 1, tiny=True)
    assert result["holds"]
    assert {line["sweeps"] for line in result["lines"]} <= set(agreement.SWEEPS)
    for one in result["optimum"]:
        assert one["relative_gradient"] < 1e-4
        assert one["steps_tried"] >= 500


def test_factors_that_are_no_optimum_are_found_out(monkeypatch):
    problem = Problem(powerlaw_matrix(200, 100, 3_000, seed=1), 8, "cholesky", threads=1)
    right = Alsatian.factors

    def spoilt(self):
        users, items = right(self)
        return users, items * np.float32(1.05)

    monkeypatch.setattr(Alsatian, "factors", spoilt)
    found = agreement.optimality(problem, rows=50)
    assert found["relative_gradient"] > agreement.GRADIENT_BOUND
    assert found["improved_by_a_step"] > 0


def test_time_to_quality_takes_the_first_sweep_that_is_good_enough():
    line = time_to_quality._line([0.1, 0.3, 0.4], [1.0, 2.0, 3.0], 0.25)
    assert (line["sweeps_to_target"], line["seconds_to_target"]) == (2, 2.0)
    missed = time_to_quality._line([0.1], [1.0], 0.25)
    assert missed["seconds_to_target"] is None


def test_time_to_quality_runs_at_the_tiny_size(capsys):
    result = time_to_quality.run(1, 1, tiny=True)
    time_to_quality.report(result)
    printed = capsys.readouterr().out
    for name, line in result["contenders"].items():
        assert name in printed
        assert len(line["ndcg"]) == len(line["seconds"]) == 4
        assert max(line["ndcg"]) == pytest.approx(result["target"] / 0.99, rel=0.05)
    assert result["contenders"]["alsatian"]["seconds_to_target"] > 0
