"""Plan, run, commit: what is written, what is refused."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from recsys.als import AlternatingLeastSquares
from recsys.batch import Manifest, parse_memory, plan_job, run_job
from recsys.batch.memory import fixed_bytes
from recsys.errors import (
    CapacityError,
    InputNotFoundError,
    InvalidInputError,
    JobConflictError,
    ModelFormatError,
    UnknownIdError,
)
from recsys.interactions import Interactions
from recsys.lock import folder_lock
from recsys.recommender import Recommender
from recsys.rules import Allow, Deny
from recsys.storage import sha256_file

from .conftest import ITEMS, USERS, rows_of


def job(recommender: Recommender, out: Path, *, resume: bool = False, **options: Any) -> Any:
    return run_job(plan_job(recommender, out, resume=resume, **options), resume=resume)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def test_rows_are_those_of_recommend(recommender: Recommender, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    plan = plan_job(recommender, tmp_path / "out", n=7, part_users=100)
    result = run_job(plan, progress=lambda done, total, rate: seen.append((done, total)))
    expected = recommender.recommend(recommender.users.ids, n=7)
    rows = rows_of(tmp_path / "out")
    assert rows.select(expected.column_names).cast(expected.schema).equals(expected)
    assert set(rows.column("source").to_pylist()) == {"als"}
    short = rows.filter(pc.is_valid(rows.column("reason")))
    assert set(short.column("user_id").to_pylist()) == {"u0"}
    beside = pq.read_table(tmp_path / "out" / "_short-00000.parquet").to_pylist()
    assert beside == [{"user_id": "u0", "wanted": 7, "listed": 5, "reason": "nothing_left"}]
    assert rows.schema.field("user_id").type == pa.string()
    assert rows.schema.field("item_id").type == pa.int32()
    assert [rows.schema.field(name).type for name in ("rank", "score")] == [
        pa.int32(),
        pa.float32(),
    ]
    assert seen == [(part, 7) for part in range(1, 8)]
    assert (result.users, result.parts, result.parts_done, result.parts_kept) == (USERS, 7, 7, 0)
    assert (result.rows, result.short_users) == (7 * USERS - 2, 1)  # u0 has five left
    written = pq.ParquetFile(tmp_path / "out" / "part-00000.parquet")
    assert written.metadata.row_group(0).column(0).compression == "ZSTD"
    json.dumps([plan.to_dict(), result.to_dict()])
    assert "7 parts" in plan.describe()
    assert f"{result.rows:,} rows" in result.describe()


def test_manifest_vouches_for_every_part(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path, n=3, part_users=300)
    stored = json.loads((tmp_path / "manifest.json").read_text())
    assert stored["state"] == "complete"
    assert stored["job"]["model"] == recommender.fingerprint
    assert [part["users"] for part in stored["parts"]] == [300, 300, 100]
    assert [part["first"] for part in stored["parts"]] == [0, 300, 600]
    files = [file for part in stored["parts"] for file in part["files"]]
    for file in files:
        path = tmp_path / file["name"]
        assert (path.stat().st_size, sha256_file(path)) == (file["bytes"], file["sha256"])
    for part in stored["parts"]:
        assert pq.read_metadata(tmp_path / part["files"][0]["name"]).num_rows == part["rows"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(
        ["manifest.json", *(file["name"] for file in files)]
    )
    whole = ds.dataset(tmp_path, format="parquet", exclude_invalid_files=True).to_table()
    assert whole.num_rows == stored["rows"] == sum(part["rows"] for part in stored["parts"])


def test_more_items_than_there_are(recommender: Recommender, tmp_path: Path) -> None:
    result = job(recommender, tmp_path, n=10 * ITEMS, exclude_seen=False)
    assert result.rows == USERS * ITEMS
    assert result.short_users == USERS


def test_rules_reach_the_search(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path, n=5, rules=[Allow([1, 2, 3]), Deny([2])], exclude_seen=False)
    assert set(rows_of(tmp_path).column("item_id").to_pylist()) == {1, 3}


def test_memory_limit_changes_blocks_and_not_rows(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path / "wide", n=20, part_users=300)
    plan = plan_job(
        recommender,
        tmp_path / "narrow",
        n=20,
        part_users=300,
        memory=fixed_bytes(recommender, 20) + 40_000,
    )
    assert np.diff(plan.borders).max() < 30
    assert plan.work_bytes <= plan.memory
    run_job(plan)
    assert rows_of(tmp_path / "narrow").equals(rows_of(tmp_path / "wide"))
    with pytest.raises(CapacityError, match=r"too small by .* to work on a single user"):
        plan_job(recommender, tmp_path / "none", memory=2**20)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_users_of_a_file(recommender: Recommender, tmp_path: Path, suffix: str) -> None:
    ids = ["u5", "u3", "u5", "u9"]
    file = tmp_path / f"users.{suffix}"
    if suffix == "csv":
        file.write_text("country,user_id\n" + "".join(f"de,{name}\n" for name in ids))
    else:
        pq.write_table(pa.table({"user_id": ids}), file)
    result = job(recommender, tmp_path / "out", users=file, n=2)
    rows = rows_of(tmp_path / "out")
    assert rows.column("user_id").to_pylist() == ["u5", "u5", "u3", "u3", "u9", "u9"]
    assert any("repeated ids are served once: 1" in note for note in result.notes)


def test_users_given(recommender: Recommender, tmp_path: Path) -> None:
    result = job(recommender, tmp_path, users=["u4"], n=2)
    assert (result.users, result.rows, result.parts) == (1, 2, 1)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("user_id\nu1\nnobody\nno-one\n", UnknownIdError, "'nobody', 'no-one'"),
        ("name,age\nu1,3\n", InvalidInputError, "has columns name, age; expected user_id"),
        ("u1\nu2\n", InvalidInputError, "has no header"),
        ("user_id\n", InvalidInputError, "none; give at least one"),
        ("", InvalidInputError, "is empty"),
        (None, InputNotFoundError, "does not exist"),
    ],
)
def test_bad_users_file(
    recommender: Recommender,
    tmp_path: Path,
    content: str | None,
    error: type[Exception],
    message: str,
) -> None:
    file = tmp_path / "users.csv"
    if content is not None:
        file.write_text(content)
    with pytest.raises(error) as raised:
        plan_job(recommender, tmp_path / "out", users=file)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_nulls_among_users(recommender: Recommender, tmp_path: Path) -> None:
    file = tmp_path / "users.parquet"
    pq.write_table(pa.table({"user_id": ["u1", None]}), file)
    with pytest.raises(InvalidInputError, match="1 rows without an id"):
        plan_job(recommender, tmp_path / "out", users=file)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n": 0}, InvalidInputError),
        ({"n": -3}, InvalidInputError),
        ({"n": 2.5}, InvalidInputError),
        ({"part_users": 0}, InvalidInputError),
        ({"memory": 0}, InvalidInputError),
        ({"users": []}, InvalidInputError),
        ({"users": ["nobody"]}, UnknownIdError),
        ({"rules": [Deny([10**6])]}, UnknownIdError),
    ],
)
def test_bad_parameters(
    recommender: Recommender, tmp_path: Path, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        plan_job(recommender, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_model_never_saved_has_no_jobs(recommender: Recommender, tmp_path: Path) -> None:
    recommender.fingerprint = ""
    with pytest.raises(InvalidInputError, match="save it first"):
        plan_job(recommender, tmp_path)


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


def test_memory_does_not_change_the_bytes(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path / "wide", part_users=300)
    least = fixed_bytes(recommender, 20) + 40_000
    job(recommender, tmp_path / "narrow", part_users=300, memory=least)
    assert snapshot(tmp_path / "wide") == snapshot(tmp_path / "narrow")


def test_a_failing_engine_leaves_finished_parts(recommender: Recommender, tmp_path: Path) -> None:
    from recsys.batch.local import run_local

    def failing(plan: Any, numbers: Any) -> Any:
        yield from run_local(plan, [5, 2])  # the order does not matter
        raise OSError("the machine is gone")

    plan = plan_job(recommender, tmp_path, part_users=100)
    with pytest.raises(OSError, match="gone"):
        run_job(plan, engine=failing)
    found = Manifest.read(tmp_path)
    assert found is not None
    assert sorted(found.parts) == [2, 5]
    with pytest.raises(JobConflictError, match=r"unfinished \(2 of 7 parts\).*--resume"):
        run_job(plan)
    assert run_job(plan, resume=True).parts_kept == 2


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


@pytest.mark.parametrize("text", ["", "0", "many", "-5MB", "12 furlongs", "1e9"])
def test_memory_that_cannot_be_parsed(text: str) -> None:
    with pytest.raises(InvalidInputError, match="512MiB or 2GiB"):
        parse_memory(text)


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


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    """Forty users, of whom number u acts on day u of 1970 and before."""
    pairs = [(u, i, (u - i) * 86_400) for u in range(40) for i in range(5)]
    users, items, times = zip(*pairs, strict=True)
    frame = pa.table({"user": users, "item": items, "at": times})
    events = Interactions.from_frame(frame, user="user", item="item", timestamp="at")
    found = Recommender.fit(events, model=AlternatingLeastSquares(factors=4, iterations=1))
    found.save(tmp_path_factory.mktemp("timed") / "model")
    return found


@pytest.mark.parametrize(
    ("since", "first"),
    [("1970-02-05", 35), (35 * 86_400, 35), ("3024000", 35), ("1970-02-05T00:00:01", 36), (0, 0)],
)
def test_users_who_changed(timed: Recommender, tmp_path: Path, since: Any, first: int) -> None:
    job(timed, tmp_path / "all", since=since, exclude_seen=False, n=2)
    served = dict.fromkeys(rows_of(tmp_path / "all").column("user_id").to_pylist())
    assert list(served) == list(range(first, 40))
    job(timed, tmp_path / "some", users=[1, 39, 36], since=since, exclude_seen=False, n=2)
    served = dict.fromkeys(rows_of(tmp_path / "some").column("user_id").to_pylist())
    assert list(served) == [user for user in (1, 39, 36) if user >= first]


def test_nobody_changed(timed: Recommender, tmp_path: Path) -> None:
    result = job(timed, tmp_path, since="2026-01-01")
    assert (result.users, result.rows, result.parts) == (0, 0, 0)
    found = Manifest.read(tmp_path)
    assert found is not None
    assert found.committed
    assert job(timed, tmp_path, since="2026-01-01", resume=True).parts_done == 0


def test_since_needs_times(timed: Recommender, recommender: Recommender, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="have no times"):
        plan_job(recommender, tmp_path, since="2026-01-01")
    with pytest.raises(InvalidInputError, match="expected a date such as"):
        plan_job(timed, tmp_path, since="yesterday")


def test_unknown_users_are_reported(recommender: Recommender, tmp_path: Path) -> None:
    ids = ["u1", "nobody", "u2", "no-one"]
    result = job(recommender, tmp_path, users=ids, unknown="report")
    assert result.users == 2
    report = json.loads((tmp_path / "_report.json").read_text())
    assert report["users"]["count"] == 2
    assert report["users"]["first"] == ["nobody", "no-one"]
    with pytest.raises(UnknownIdError, match="knows none of them"):
        plan_job(recommender, tmp_path / "x", users=["nobody"], unknown="report")
