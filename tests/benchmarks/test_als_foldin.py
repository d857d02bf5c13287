"""The benchmark of folding in runs, asks the same of all, and tells native time from the rest."""

from __future__ import annotations

import json

import numpy as np

from benchmarks import als_foldin
from recsys.als import cpu


def test_visitors_have_as_many_different_items_as_asked():
    rows = als_foldin.visitors(20, 30, 100, seed=1)
    rows.check_format(full_check=True)
    assert (np.diff(rows.indptr) == 30).all()
    assert all(len(set(rows[k].indices)) == 30 for k in range(20))


def test_tiny_run_writes_figures_and_everybody_agrees(tmp_path, capsys):
    written = tmp_path / "foldin.json"
    solve = cpu._als.solve
    assert als_foldin.main(["--tiny", "--json", str(written)]) == 0
    assert cpu._als.solve is solve
    result = json.loads(written.read_text())
    native, python = (result["microseconds"][name] for name in als_foldin.PROMISED)
    assert 0 < native["median"] < python["median"]
    assert native["least"] <= native["median"] <= native["p99"]
    assert max(result["difference_of_factors"].values()) < 1e-4
    printed = capsys.readouterr().out
    for name in result["microseconds"]:
        assert name in printed


def test_other_factors_fail_the_run(monkeypatch):
    right = als_foldin.calls

    def spoilt(problem, rows):
        found, absent = right(problem, rows)
        found["spoilt"] = lambda k: 1.01 * found[als_foldin.PYTHON](k)
        return found, absent

    monkeypatch.setattr(als_foldin, "calls", spoilt)
    assert als_foldin.main(["--tiny"]) == 1
