"""The benchmark of reading runs and tells what it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_tiny(tmp_path: Path) -> None:
    out = tmp_path / "ingest.json"
    command = [sys.executable, "-m", "benchmarks.ingest", "--tiny", "--json", str(out)]
    root = Path(__file__).resolve().parents[2]
    subprocess.run(command, check=True, capture_output=True, cwd=root)
    found = json.loads(out.read_text())
    assert found["rows"] == 50_000
    assert found["integer ids"]["pairs"] == found["string ids"]["pairs"] > 40_000
