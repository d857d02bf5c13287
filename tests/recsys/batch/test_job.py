"""Plan, run, commit: what is written, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from recsys.batch import Manifest, parse_memory, plan_job, run_job
from recsys.batch.memory import fixed_bytes
from recsys.errors import (
    CapacityError,
    InvalidInputError,
    JobConflictError,
    UnknownIdError,
)
from recsys.recommender import Recommender
from recsys.rules import Allow, Deny
from recsys.storage import sha256_file

from .conftest import ITEMS, USERS, job, rows_of, snapshot


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


@pytest.mark.parametrize("text", ["", "0", "many", "-5MB", "12 furlongs", "1e9"])
def test_memory_that_cannot_be_parsed(text: str) -> None:
    with pytest.raises(InvalidInputError, match="512MiB or 2GiB"):
        parse_memory(text)
