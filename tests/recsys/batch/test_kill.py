"""Jobs that are killed, run out of disk, or meet a read-only folder, each in its own process."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from recsys.als import AlternatingLeastSquares
from recsys.batch import Manifest
from recsys.interactions import Interactions
from recsys.recommender import Recommender

from .conftest import rows_of
from .jobs import Job, start_job

# 7 parts. Renamings: the manifest; of part 0, which has a short user, what is short, lists and
# record; of each other part lists and record; the manifest.
PART_USERS = 100


def finish(process: subprocess.Popen[str] | Job) -> tuple[int, str]:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out.strip()


@pytest.fixture(scope="module")
def undisturbed(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    code, said = finish(start_job(model, out, part_users=PART_USERS))
    assert (code, said) == (0, "7|0")
    return out


def checksums(out: Path) -> dict[str, str]:
    stored = json.loads((out / "manifest.json").read_text())
    assert stored["state"] == "complete"
    files = [file for part in stored["parts"] for file in part["files"]]
    return {file["name"]: file["sha256"] for file in files}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kill_at", [1, 2, 3, 4, 8, 16, 17])
def test_killed_at_a_renaming(
    model: Path, undisturbed: Path, tmp_path: Path, kill_at: int, moment: str
) -> None:
    out = tmp_path / "out"
    code, _ = finish(start_job(model, out, part_users=PART_USERS, kill_at=kill_at, moment=moment))
    assert code == -signal.SIGKILL
    manifest = Manifest.read(out)
    done = len(manifest.parts) if manifest is not None else 0
    renamed = kill_at - (moment == "before")
    assert done == (0 if renamed < 4 else min(7, (renamed - 2) // 2))
    code, said = finish(start_job(model, out, part_users=PART_USERS, resume=True))
    assert code == 0
    assert said.split("|")[:2] == [str(7 - done), str(done)]
    assert checksums(out) == checksums(undisturbed)
    assert rows_of(out).equals(rows_of(undisturbed))
    assert {entry.name for entry in out.iterdir()} == {*checksums(out), "manifest.json"}


def test_movielens_1m_killed_three_times(ml1m: Path, tmp_path: Path) -> None:
    recommender = Recommender.fit(
        Interactions.from_parquet(ml1m / "interactions.parquet"),
        model=AlternatingLeastSquares(factors=32, iterations=2, random_state=0),
    )
    recommender.save(tmp_path / "model")
    size, parts = 50, 121
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert finish(start_job(tmp_path / "model", whole, part_users=size)) == (0, f"{parts}|0")
    dice = random.Random(2)
    for kill in range(3):
        done = len(list(out.glob("part-*.parquet")))
        job = start_job(tmp_path / "model", out, part_users=size, resume=kill > 0)
        stop = done + dice.randint(5, 30)
        while len(list(out.glob("part-*.parquet"))) < stop and job.poll() is None:
            time.sleep(dice.random() * 0.01)
        job.kill()
        assert job.wait() == -signal.SIGKILL
        job.communicate()
    manifest = Manifest.read(out)
    assert manifest is not None
    kept = len(manifest.parts)
    assert 15 <= kept < parts
    code, said = finish(start_job(tmp_path / "model", out, part_users=size, resume=True))
    assert code == 0
    assert said.split("|")[:2] == [str(parts - kept), str(kept)]
    assert checksums(out) == checksums(whole)
    rows = rows_of(out)
    assert rows.equals(rows_of(whole))
    pairs = rows.group_by(["user_id", "item_id"]).aggregate([]).num_rows
    assert pairs == rows.num_rows == 6040 * 20


def in_own_mounts(setup: str) -> tuple[str, ...]:
    """Command prefix that runs `setup` in a mount namespace of its own, then what follows."""
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    if shutil.which("unshare") is None:
        pytest.skip("no unshare command to make a small file system with")
    tried = subprocess.run([*prefix, setup], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"cannot mount a small file system here: {tried.stderr.strip()}")
    return (*prefix, f'{setup} && exec "$@"', "sh")


def test_full_disk(model: Path, undisturbed: Path, tmp_path: Path) -> None:
    disk, saved = tmp_path / "disk", tmp_path / "saved"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=64k tmpfs {disk}"
    # What the job left on the small disk is copied out before the namespace vanishes.
    prefix = in_own_mounts(mount)
    shell = (*prefix[:-2], f'{mount} && "$@"; code=$?; cp -r {disk}/out {saved}; exit $code', "sh")
    code, said = finish(start_job(model, disk / "out", part_users=PART_USERS, prefix=shell))
    assert code == 2
    kind, message = said.split("|", 1)
    assert kind == "StorageError"
    assert "the disk is full; free some space" in message
    assert "\n" not in message
    manifest = Manifest.read(saved)
    assert manifest is not None
    assert 0 < len(manifest.parts) < 7
    code, said = finish(start_job(model, saved, part_users=PART_USERS, resume=True))
    assert code == 0
    assert said.split("|")[1] == str(len(manifest.parts))
    assert rows_of(saved).equals(rows_of(undisturbed))


def test_read_only_folder(model: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    prefix = in_own_mounts(f"mount -t tmpfs -o ro,size=64k tmpfs {disk}")
    code, said = finish(start_job(model, disk / "out", prefix=prefix))
    assert code == 2
    assert said.startswith("StorageError|")
    assert "read-only" in said


def test_processes_share_a_job(model: Path, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    jobs = [start_job(model, out, part_users=10, resume=True) for _ in range(3)]
    answers = [finish(job) for job in jobs]
    assert [code for code, _ in answers] == [0, 0, 0]
    done, kept = zip(*(map(int, said.split("|")[:2]) for _, said in answers), strict=True)
    # Each part is done once: whoever came late found some done, or saw the others do them.
    assert sum(done) == 70
    assert max(kept) <= 70
    assert rows_of(out).equals(rows_of(undisturbed))
    assert {entry.name for entry in out.iterdir()} == {*checksums(out), "manifest.json"}


def test_what_a_killed_process_held_is_taken_over(
    model: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    doomed = start_job(model, out, part_users=10, resume=True, kill_at=30, moment="before")
    other = start_job(model, out, part_users=10, resume=True)
    assert finish(doomed)[0] == -signal.SIGKILL
    code, _ = finish(other)
    assert code == 0
    assert rows_of(out).equals(rows_of(undisturbed))
    code, said = finish(start_job(model, out, part_users=10, resume=True))
    assert (code, said.split("|")[:2]) == (0, ["0", "70"])
    assert {entry.name for entry in out.iterdir()} == {*checksums(out), "manifest.json"}
