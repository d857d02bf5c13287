"""What a job finds in its folder: itself, another job, something else, damage."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from recsys.batch import plan_job, run_job
from recsys.errors import (
    JobConflictError,
    ModelFormatError,
)
from recsys.lock import folder_lock
from recsys.recommender import Recommender
from recsys.rules import Allow, Deny

from .conftest import job, snapshot


def test_same_job_again(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path, n=4)
    before = snapshot(tmp_path)
    with pytest.raises(JobConflictError, match=r"complete.*--resume"):
        plan_job(recommender, tmp_path, n=4)
    result = job(recommender, tmp_path, n=4, resume=True)
    assert (result.parts_done, result.parts_kept) == (0, result.parts)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"n": 5}, "n"),
        ({"exclude_seen": False}, "exclude_seen"),
        ({"rules": [Deny([3])]}, "rules"),
        ({"users": ["u1"]}, "users"),
        ({"part_users": 99}, "users of a part"),
    ],
)
@pytest.mark.parametrize("resume", [True, False])
def test_another_job_in_the_folder(
    recommender: Recommender, tmp_path: Path, options: dict[str, Any], named: str, resume: bool
) -> None:
    job(recommender, tmp_path, n=4)
    before = snapshot(tmp_path)
    with pytest.raises(JobConflictError, match=f"differs in: {named}"):
        plan_job(recommender, tmp_path, resume=resume, **{"n": 4, **options})
    assert snapshot(tmp_path) == before


def test_another_model(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path, n=4)
    recommender.fingerprint = "0" * 64
    with pytest.raises(JobConflictError, match="differs in: model"):
        plan_job(recommender, tmp_path, n=4, resume=True)


def test_rules_in_other_words_are_the_same_job(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path, rules=[Allow([1, 2, 3, 4]), Deny([4])])
    rules = [Deny([4]), Allow([2, 1, 4, 3])]
    assert job(recommender, tmp_path, rules=rules, resume=True).parts_done == 0


@pytest.mark.parametrize("name", ["notes.txt", "part-00099.parquet", "part-00000.parquet"])
def test_foreign_files(recommender: Recommender, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(JobConflictError, match=name):
        plan_job(recommender, tmp_path, resume=True)
    assert (tmp_path / name).read_text() == "mine"
    (tmp_path / name).rename(tmp_path / f".{name}")
    job(recommender, tmp_path)
    assert (tmp_path / f".{name}").read_text() == "mine"


def test_a_file_in_place_of_the_folder(recommender: Recommender, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(JobConflictError, match="is a file"):
        plan_job(recommender, tmp_path / "out")


def test_a_model_in_the_folder(recommender: Recommender, tmp_path: Path) -> None:
    recommender.save(tmp_path)
    with pytest.raises(JobConflictError, match="not a batch job"):
        plan_job(recommender, tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"kind": "alsatian-recommendations"}'])
def test_damaged_manifest(recommender: Recommender, tmp_path: Path, content: str) -> None:
    job(recommender, tmp_path)
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises((JobConflictError, ModelFormatError)) as raised:
        plan_job(recommender, tmp_path, resume=True)
    assert "\n" not in str(raised.value)


def test_manifest_of_another_release(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path)
    manifest = tmp_path / "manifest.json"
    text = manifest.read_text()
    for version, mend in ((3, "upgrade alsatian"), (1, "give another folder")):
        manifest.write_text(text.replace('"version": 2', f'"version": {version}'))
        with pytest.raises(ModelFormatError, match=mend):
            plan_job(recommender, tmp_path, resume=True)


def test_damaged_and_missing_parts_are_done_again(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path, part_users=100)
    before = snapshot(tmp_path)
    untouched = (tmp_path / "part-00005.parquet").stat().st_mtime_ns
    content = bytearray(before["part-00001.parquet"])
    content[100] ^= 1
    (tmp_path / "part-00001.parquet").write_bytes(content)
    (tmp_path / "part-00002.parquet").write_bytes(before["part-00002.parquet"][:-1])
    (tmp_path / "part-00003.parquet").unlink()
    (tmp_path / "part-00004.parquet.123-0a1b2c3d.tmp").write_text("left over")
    result = job(recommender, tmp_path, part_users=100, resume=True)
    assert (result.parts_done, result.parts_kept) == (3, 4)
    assert len(result.notes) == 4
    assert snapshot(tmp_path) == before
    assert (tmp_path / "part-00005.parquet").stat().st_mtime_ns == untouched


def test_whoever_came_first_and_finds_the_job_done_does_nothing_again(
    recommender: Recommender, tmp_path: Path
) -> None:
    """The other process has completed the job, and so removed the records of its parts."""
    plan = plan_job(recommender, tmp_path, part_users=100)
    others: list[Any] = []

    def another(done: int, total: int, rate: float) -> None:
        if not others:
            others.append(None)
            others[0] = run_job(plan, resume=True)

    result = run_job(plan, progress=another)
    assert (result.parts_done, result.parts_of_others) == (1, 6)
    assert (others[0].parts_done, others[0].parts_kept) == (6, 1)


def test_two_jobs_that_begin_in_one_folder(recommender: Recommender, tmp_path: Path) -> None:
    first, second = (plan_job(recommender, tmp_path, n=n) for n in (3, 4))
    refused: list[Exception] = []

    def begin() -> None:
        try:
            run_job(first)
        except JobConflictError as error:
            refused.append(error)

    late = threading.Thread(target=begin)
    with folder_lock(tmp_path):  # as the second job holds it while it looks and begins
        late.start()
        late.join(0.3)
        assert late.is_alive()
        second.manifest.write(second.store)
    late.join(30)
    assert [str(error) for error in refused] == [
        f"{tmp_path} holds another job (it differs in: n); give another folder"
    ]
