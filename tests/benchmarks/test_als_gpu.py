"""The benchmark on a card says when there is none, and its measuring runs where there is one."""

from __future__ import annotations

import json
import os

import pytest

from benchmarks import als_gpu

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("torch")


def test_without_a_card_it_says_unmeasured(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("ALSATIAN_GPU", raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert als_gpu.main(["--json", str(tmp_path / "gpu.json"), "--at-least", "3"]) == 0
    assert "unmeasured: no CUDA card" in capsys.readouterr().out
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert written["cases"] == []


def test_the_tiny_size_runs_on_torch_cpu_and_does_not_pass_for_a_measurement(monkeypatch, capsys):
    monkeypatch.setenv("ALSATIAN_GPU", "cpu")
    assert als_gpu.main(["--tiny"]) == 0
    printed = capsys.readouterr().out
    assert "no measurement" in printed
    assert "objective" in printed
    result = als_gpu.run("tiny", [8], 2, seed=1)
    lines = {line["name"]: line for line in result["cases"][0]["contenders"]}
    assert set(als_gpu.OURS) <= set(lines)
    assert all(len(line["seconds"]) == 2 for line in lines.values())
    full, half = lines["alsatian"]["objective"], lines["alsatian, bfloat16 *"]["objective"]
    assert half == pytest.approx(full, rel=0.01)
