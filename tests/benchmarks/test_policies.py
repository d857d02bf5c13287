"""The benchmark of policies, and what they have to reach on messages they were not written from."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import policies


def test_tiny_run(tmp_path: Path) -> None:
    out = tmp_path / "policies.json"
    assert policies.main(["--tiny", "--json", str(out)]) == 0
    result = json.loads(out.read_text("utf-8"))
    assert min(row["messages"] for row in result["rows"]) == 3
    assert set(result["timings"]) == {"content"}


def test_messages_never_seen_meet_their_policies() -> None:
    rows, _ = policies.measure(["health"])
    shares = policies.summary(rows)
    assert shares["urgent_recall_right"] >= 0.92
    assert shares["recall_right"] >= 0.8
    assert shares["recall_phrases"] < 0.6  # examples do what phrases did not
    assert shares["near_alarms_any"] <= 0.2


def test_ordinary_requests_meet_none() -> None:
    rows, _ = policies.measure(["education"])
    assert policies.summary(rows)["ordinary_alarms_any"] <= 0.03
