"""The memory that a plan tells is the memory that its run takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MEASURE = """
import resource, sys
from recsys.batch import plan_job, run_job
from recsys.recommender import Recommender
recommender = Recommender.load(sys.argv[1])
recommender.recommend(recommender.users.ids.slice(0, 10), 10)
import pyarrow.parquet, pyarrow as pa
pa.set_memory_pool(pa.system_memory_pool())
plan = plan_job(recommender, sys.argv[2], n=500, part_users=20_000, memory=int(sys.argv[3]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run_job(plan)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(plan.work_bytes, plan.model_bytes, (after - before) * 1024)
"""


@pytest.mark.parametrize("limit", [96 * 2**20, 192 * 2**20])
def test_limit_is_kept(ml1m: Path, tmp_path: Path, limit: int) -> None:
    from recsys.als import AlternatingLeastSquares
    from recsys.interactions import Interactions
    from recsys.recommender import Recommender

    recommender = Recommender.fit(
        Interactions.from_parquet(ml1m / "interactions.parquet"),
        model=AlternatingLeastSquares(factors=16, iterations=1, random_state=0),
    )
    recommender.save(tmp_path / "model")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "model"), str(tmp_path / "out"), str(limit)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    work, model, taken = map(int, done.stdout.split())
    assert work <= limit
    assert taken <= limit + model
    assert work > 0.5 * limit  # the limit is used, not merely respected
