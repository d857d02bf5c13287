"""The benchmark of a Ray cluster runs, and says so where it finds another result."""

from __future__ import annotations

import json
import os
import sys

import pytest

from benchmarks import ray_cluster
from benchmarks.context import context
from benchmarks.powerlaw import powerlaw_matrix
from recsys.als import AlternatingLeastSquares


def test_it_runs_at_the_tiny_size(capsys, tmp_path):
    if not os.environ.get("CI"):  # there its absence is a failure
        pytest.importorskip("ray")
    assert ray_cluster.main(["--tiny", "--json", str(tmp_path / "ray.json")]) == 0
    result = json.loads((tmp_path / "ray.json").read_text())
    for lines in (result["training"], result["batch"]):
        assert [line["name"] for line in lines] == ["here, 1 thread", "ray, 2 machines"]
        assert lines[1]["equal"] is True
        assert lines[1]["bytes_moved"] > 0
        assert all(line["typical"] > 0 for line in lines)
    assert result["batch"][1]["parts"] == 12
    assert result["batch"][1]["private_bytes"] > 10 << 20
    assert capsys.readouterr().out.count("equal") == 2


def test_without_ray_it_says_unmeasured(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert ray_cluster.main(["--tiny", "--json", str(tmp_path / "ray.json")]) == 0
    assert "unmeasured" in capsys.readouterr().out


def test_a_result_that_differs_is_shown_and_fails(capsys, tmp_path):
    """Another seed stands for another place that comes to something else."""
    matrix = powerlaw_matrix(300, 100, 3_000, seed=1)
    models, training, batch = [], [], []
    for seed in (1, 1, 2):
        settings = {"factors": 8, "iterations": 3, "random_state": seed, "num_threads": 1}
        model = AlternatingLeastSquares(**settings)
        found = ray_cluster.measured(lambda one=model: ray_cluster.train(one, matrix, None))
        found.pop("result")
        name, out = f"place {len(models)}", tmp_path / f"lists-{len(models)}"
        models.append(model)
        recommender = ray_cluster.of(model, matrix)
        recommender.save(tmp_path / f"model-{len(models)}")
        job = ray_cluster.measured(
            lambda rec=recommender, folder=out: ray_cluster.recommend(rec, folder, 100, None, None)
        )
        equal = ray_cluster._equal(models[0], model)
        training.append(ray_cluster._sweeps(name, found, model) | {"equal": equal})
        equal = ray_cluster._same_parts(tmp_path / "lists-0", out)
        batch.append(ray_cluster._parts(name, job) | {"equal": equal})
    for lines in (training, batch):
        assert [line["equal"] for line in lines] == [True, True, False]
    result = {
        "context": context((), threads=1, seed=1),
        "shape": {"users": 300, "items": 100, "entries": matrix.nnz, "factors": 8},
        "model_bytes": 1,
        "training": training,
        "batch": batch,
    }
    ray_cluster.report(result)
    assert capsys.readouterr().out.count("DIFFERS") == 2
    assert ray_cluster.status(result) == 1
    assert ray_cluster.status(result | {"training": training[:2], "batch": batch[:2]}) == 0
