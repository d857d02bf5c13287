"""A small fitted recommender, saved, and a way to run a job in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
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

RUN = """
import os, signal, sys
from recsys.batch import plan_job, run_job
from recsys.errors import AlsatianError
from recsys.recommender import Recommender

model, out, part_users, resume, kill_at, after = sys.argv[1:7]
replace, calls = os.replace, 0

def deadly(source, target):
    global calls
    calls += 1
    if calls == int(kill_at) and after == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
    if calls == int(kill_at):
        os.kill(os.getpid(), signal.SIGKILL)

if int(kill_at):
    os.replace = deadly
try:
    recommender = Recommender.load(model)
    size = int(part_users) or None
    plan = plan_job(recommender, out, n=20, part_users=size, resume=resume == "resume")
    result = run_job(plan, resume=resume == "resume")
    print(result.parts_done, result.parts_kept, *result.notes, sep="|")
except AlsatianError as error:
    print(type(error).__name__, error, sep="|")
    sys.exit(2)
"""


def start_job(
    model: Path,
    out: Path,
    *,
    part_users: int = 0,
    resume: bool = False,
    kill_at: int = 0,
    moment: str = "before",
    prefix: tuple[str, ...] = (),
) -> subprocess.Popen[str]:
    """Start a job; it kills itself before or after its `kill_at`-th renaming (0: never)."""
    arguments = [str(model), str(out), str(part_users), "resume" if resume else "fresh"]
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", RUN, *arguments, str(kill_at), moment],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )


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
