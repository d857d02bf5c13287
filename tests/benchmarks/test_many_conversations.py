"""The long run, small: its checks are tried first, then it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import many_conversations
from benchmarks.many_conversations import ABOUT_ME, Own, percentiles
from benchmarks.memory import growth
from benchmarks.talking import Heard


def heard(text: str, *items: tuple[Any, str]) -> Heard:
    return Heard(text, items, "template", 1.0, 1.0)


@pytest.mark.parametrize(
    ("said", "reply", "fault"),
    [
        ("hi", heard("“New Film”", (9, "recommended")), ""),
        ("hi", heard("because you watched “Old Film”", (1, "reason")), ""),
        ("hi", heard("like “Named Film”", (2, "asked")), ""),
        ("hi", heard("“Shown Film”", (3, "shown")), ""),
        (ABOUT_ME, heard("You watched “Old Film”", (1, "reason")), ""),
        ("hi", heard("“Old Film”", (1, "recommended")), "knows"),
        ("hi", heard("“Shown Film”", (3, "recommended")), "knows"),
        ("hi", heard("because you watched “Other”", (7, "reason")), "somebody else"),
        ("hi", heard("like “Other”", (7, "asked")), "somebody else"),
        ("hi", heard("“Other”", (7, "shown")), "was not shown"),
        ("hi", heard("like “Their Film”"), "another user named"),
        (ABOUT_ME, heard("Hello!"), "knows nothing"),
    ],
)
def test_what_is_of_somebody_else_is_seen(said: str, reply: Heard, fault: str) -> None:
    own = Own({1}, {2}, {3})
    found = own.faults(said, reply, {"Their Film": 8})
    assert bool(found) == bool(fault)
    assert all(fault in each for each in found)


def test_memory_that_grows_is_seen() -> None:
    seconds = np.arange(600.0)
    noise = np.random.default_rng(1).normal(0, 1 << 20, 600)
    steady = growth(np.column_stack([seconds, (500 << 20) + noise]))
    assert steady["is_flat"]
    filling = np.where(seconds < 100, seconds * (1 << 20), 100 << 20)
    assert growth(np.column_stack([seconds, (500 << 20) + filling + noise]))["is_flat"]
    leaking = growth(np.column_stack([seconds, (500 << 20) + seconds * 50_000 + noise]))
    assert not leaking["is_flat"]
    assert leaking["slope_mib_an_hour"] == pytest.approx(50_000 * 3600 / 2**20, rel=0.2)
    assert growth(np.empty((0, 2)))["is_flat"] is None


def test_percentiles_of_bins() -> None:
    counts = np.zeros(many_conversations._BINS, np.int64)
    for value in range(1, 1001):
        counts[many_conversations._bin(float(value))] += 1
    assert percentiles(counts) == pytest.approx([500, 950, 990, 1000], rel=0.02)
    assert percentiles(counts * 0) == [0.0] * 4


def test_tiny_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written, drawn = tmp_path / "figures.json", tmp_path / "memory.png"
    arguments = ["--tiny", "--at-once", "3", "--json", str(written), "--plot", str(drawn)]
    assert many_conversations.main(arguments) == 0
    facts = json.loads(written.read_text())
    assert facts["turns"] > 0
    assert facts["mixed_up"] == facts["errors"] == []
    assert (facts["different_alone"], facts["compared_alone"] > 0) == (0, True)
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert "mixed up: 0" in capsys.readouterr().out
