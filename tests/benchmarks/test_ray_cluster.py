"""The benchmark of a Ray cluster runs, and says so where it finds another result."""

from __future__ import annotations

import json
import os
import sys

import pytest

from benchmarks import ray_cluster

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("ray")


def test_it_runs_at_the_tiny_size(capsys, tmp_path):
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


def test_a_result_that_differs_is_shown_and_fails(monkeypatch, capsys):
    line = {"name": "here", "seconds": 1.0, "typical": 0.1, "bytes_moved": 0}
    other = line | {"name": "ray", "equal": False, "overhead": 0.0}
    shape = {"users": 1, "items": 1, "entries": 1, "factors": 1}
    facts = ray_cluster.context((), threads=1, seed=1)
    result = {"context": facts, "shape": shape, "model_bytes": 1}
    result |= {"training": [line, other], "batch": [line, other]}
    monkeypatch.setattr(ray_cluster, "run", lambda *arguments: result)
    assert ray_cluster.main(["--tiny"]) == 1
    assert capsys.readouterr().out.count("DIFFERS") == 2
