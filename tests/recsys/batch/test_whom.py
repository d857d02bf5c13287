"""Whom a job serves: all, those of a file, those who changed since a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.als import AlternatingLeastSquares
from recsys.batch import Manifest, plan_job
from recsys.errors import (
    InputNotFoundError,
    InvalidInputError,
    UnknownIdError,
)
from recsys.interactions import Interactions
from recsys.recommender import Recommender

from .conftest import job, rows_of


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
