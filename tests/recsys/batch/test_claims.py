"""Claims on a file system: one holder at a time, whatever comes between open and lock."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from recsys.batch import claims as module
from recsys.batch.claims import FileClaims


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = FileClaims(tmp_path / "c"), FileClaims(tmp_path / "c")
    assert first.alone()
    assert not second.alone()
    assert first.take([0, 1]) == [0, 1]
    assert second.take([0, 1, 2]) == [2]
    first.release(1)
    assert second.take([0, 1]) == [1]
    first.close()
    assert second.take([0]) == [0]
    second.close()
    assert not (tmp_path / "c").exists()


def test_a_lock_on_a_file_that_was_removed_is_no_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder lets go, and removes the file, after another process opened it."""
    holder, late, third = (FileClaims(tmp_path / "c") for _ in range(3))
    holder.take([0])
    lock = fcntl.flock

    def slowly(descriptor: int, kind: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        holder.release(0)
        assert third.take([0]) == [0]
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", slowly)
    assert late.take([0]) == []
    for claims in (holder, late, third):
        claims.close()


def test_who_comes_as_the_last_one_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presence is held on a file that others can see, so nobody else takes itself for alone."""
    leaving = FileClaims(tmp_path / "c")
    opened = module._open

    def slowly(path: Path) -> int:
        monkeypatch.setattr(module, "_open", opened)
        descriptor = opened(path)
        leaving.close()
        return descriptor

    monkeypatch.setattr(module, "_open", slowly)
    coming = FileClaims(tmp_path / "c")
    assert coming.alone()
    assert not FileClaims(tmp_path / "c").alone()


RACE = """
import sys
from pathlib import Path
from recsys.batch.claims import FileClaims
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
for _ in range(rounds):
    claims = FileClaims(folder / "c")
    for _ in range(5):
        for number in claims.take([0]):
            inside = folder / "inside"
            inside.touch(exist_ok=False)  # fails where two are inside
            inside.unlink()
            claims.release(number)
    claims.close()
"""


def test_processes_that_come_and_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, str(tmp_path), "150"]
    jobs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for job in jobs:
        _, err = job.communicate(timeout=120)
        assert job.returncode == 0, err
