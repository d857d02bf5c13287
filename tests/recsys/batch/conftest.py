"""A small fitted recommender, saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.als import AlternatingLeastSquares
from recsys.batch import plan_job, run_job
from recsys.interactions import Interactions
from recsys.recommender import Recommender

USERS, ITEMS = 700, 120


def rows_of(out: Path) -> pa.Table:
    """Every row of a finished job, in the order of its parts."""
    return pa.concat_tables([pq.read_table(part) for part in sorted(out.glob("part-*.parquet"))])


def job(recommender: Recommender, out: Path, *, resume: bool = False, **options: Any) -> Any:
    """Plan a job and run it."""
    return run_job(plan_job(recommender, out, resume=resume, **options), resume=resume)


def snapshot(folder: Path) -> dict[str, bytes]:
    """What a folder's files hold, by name."""
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of 700 users with text ids and 120 items; user u0 has all but 5 items."""
    random = np.random.default_rng(0)
    pairs = {(f"u{u}", int(i)) for u in range(1, USERS) for i in random.integers(ITEMS, size=12)}
    pairs |= {("u0", item) for item in range(ITEMS - 5)}
    pairs |= {("u1", item) for item in range(ITEMS - 5, ITEMS)}
    users, items = zip(*sorted(pairs), strict=True)
    frame = pa.table({"user_id": pa.array(users), "item_id": pa.array(items, pa.int32())})
    recommender = Recommender.fit(
        Interactions.from_frame(frame),
        model=AlternatingLeastSquares(factors=8, iterations=3, random_state=0),
    )
    folder = tmp_path_factory.mktemp("batch") / "model"
    recommender.save(folder)
    return folder


@pytest.fixture
def recommender(model: Path) -> Recommender:
    """The saved model, opened."""
    return Recommender.load(model)
