"""A text for each user: part of the part, kept and done again with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.batch import JobPlan, Manifest, plan_job, run_job
from recsys.batch.store import FolderStore
from recsys.errors import JobConflictError
from recsys.lists import Lists
from recsys.recommender import Recommender
from recsys.rules import Deny

from .conftest import ITEMS, USERS, rows_of


class Counting:
    """Names the first item; counts the texts it has written."""

    def __init__(self) -> None:
        self.written = 0

    def __call__(self, lists: Lists) -> pa.Table:
        best = [row for row in lists.table.to_pylist() if row["rank"] == 1]
        self.written += len(best)
        texts = [f"{row['user_id']}: {row['item_id']}" for row in best]
        users = pa.array([row["user_id"] for row in best], pa.string())
        return pa.table({"user_id": users, "text": texts, "writer": ["template"] * len(best)})


def job(recommender: Recommender, out: Path, writer: Any, **options: Any) -> Any:
    plan = plan_job(recommender, out, writer=writer, writer_key="counting", n=3, **options)
    return run_job(plan, resume=options.get("resume", False))


def plan_with(recommender: Recommender, out: Path, writer: Any, **options: Any) -> JobPlan:
    """A plan whose writer has not been asked for a probe."""
    options |= {"writer_key": "counting", "n": 3, "part_users": 100}
    return replace(plan_job(recommender, out, writer=Counting(), **options), writer=writer)


def texts_of(out: Path) -> list[dict[str, Any]]:
    return pa.concat_tables(
        [pq.read_table(file) for file in sorted(out.glob("_replies-*.parquet"))]
    ).to_pylist()


def test_each_user_has_a_text(recommender: Recommender, tmp_path: Path) -> None:
    rules = [Deny(list(range(ITEMS - 5, ITEMS)))]  # u0 has seen all others
    job(recommender, tmp_path, Counting(), rules=rules)
    best = [row for row in rows_of(tmp_path).to_pylist() if row["rank"] == 1]
    expected = [f"{row['user_id']}: {row['item_id']}" for row in best]
    assert [row["text"] for row in texts_of(tmp_path)] == expected
    assert len(expected) == USERS - 1
    found = Manifest.read(FolderStore(tmp_path))
    assert found is not None
    assert found.part_users == 64  # a crash loses few texts, which are dear
    for part in found.parts.values():
        assert f"_replies-{part.number:05d}.parquet" in [file.name for file in part.files]


def test_finished_texts_are_not_written_again(recommender: Recommender, tmp_path: Path) -> None:
    class Dies(Exception):
        pass

    class Mortal(Counting):
        def __call__(self, lists: Lists) -> pa.Table:
            if self.written == 300:
                raise Dies
            return super().__call__(lists)

    plan = plan_with(recommender, tmp_path, Mortal())
    with pytest.raises(Dies):
        run_job(plan)
    writer = Counting()
    plan = plan_with(recommender, tmp_path, writer, resume=True)
    assert run_job(plan, resume=True).parts_kept == 3
    assert writer.written == USERS - 300
    assert len({row["user_id"] for row in texts_of(tmp_path)}) == USERS


def test_damaged_texts_are_written_again(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path, Counting(), part_users=100)
    before = texts_of(tmp_path)
    (tmp_path / "_replies-00002.parquet").unlink()
    result = job(recommender, tmp_path, Counting(), part_users=100, resume=True)
    assert (result.parts_done, result.parts_kept) == (1, 6)
    assert texts_of(tmp_path) == before


def test_texts_are_part_of_the_job(recommender: Recommender, tmp_path: Path) -> None:
    job(recommender, tmp_path, Counting(), part_users=100)
    with pytest.raises(JobConflictError, match="differs in: replies"):
        plan_job(recommender, tmp_path, n=3, part_users=100, resume=True)
    with pytest.raises(JobConflictError, match="differs in: replies"):
        plan_job(
            recommender,
            tmp_path,
            n=3,
            part_users=100,
            resume=True,
            writer=Counting(),
            writer_key="another",
        )
    assert len(rows_of(tmp_path).column_names) == 6
