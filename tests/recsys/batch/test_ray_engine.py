"""The Ray engine writes what the local one writes, whichever process or machine dies."""

from __future__ import annotations

import functools
import pickle
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from recsys.als import AlternatingLeastSquares
from recsys.batch import plan_job, run_job
from recsys.batch.local import write_part
from recsys.batch.ray_engine import SharedJob, SharedModel, run_ray
from recsys.catalogue import Catalogue
from recsys.cli import run
from recsys.errors import ClusterError, InvalidInputError, MissingExtraError, StorageError
from recsys.ids import IdMap
from recsys.interactions import Interactions
from recsys.recommender import Recommender
from recsys.rules import Deny, Where

from .conftest import rows_of

PART_USERS = 100


@pytest.fixture
def local(recommender: Recommender, tmp_path: Path) -> Path:
    """What the local engine writes."""
    out = tmp_path / "local"
    run_job(plan_job(recommender, out, n=20, part_users=PART_USERS))
    return out


def same_files(first: Path, second: Path) -> bool:
    names = [sorted(file.name for file in folder.iterdir()) for folder in (first, second)]
    return names[0] == names[1] and all(
        (first / name).read_bytes() == (second / name).read_bytes()
        for name in names[0]
        if name.startswith("part-")
    )


@pytest.mark.parametrize("kind", ["exact", "flat", "hnsw"])
def test_a_model_taken_apart_and_put_together_answers_alike(recommender: Recommender, kind) -> None:
    whole = Recommender(
        recommender.interactions,
        recommender.model,
        items=recommender.items,
        cold_factors=recommender.cold_factors,
        index=kind,
        fingerprint="f",
    )
    opened = SharedModel.of(whole).open()
    assert opened.index.kind == kind
    assert opened.fingerprint == "f"
    users = recommender.users.ids
    assert opened.recommend(users, n=20).equals(whole.recommend(users, n=20))
    assert np.shares_memory(opened.interactions.matrix.data, recommender.interactions.matrix.data)
    if kind == "exact":
        assert np.shares_memory(opened.index.vectors, whole.index.vectors)


def test_a_plan_travels_without_its_model_and_comes_to_the_same_rows(
    recommender: Recommender, tmp_path: Path
) -> None:
    cold = np.random.default_rng(2).normal(size=(2, 8)).astype(np.float32)
    items = pa.concat_arrays([recommender.items.ids, pa.array([900, 901], pa.int32())])
    table = pa.table({"item_id": items, "year": np.arange(len(items)) % 50})
    whole = Recommender(
        recommender.interactions,
        recommender.model,
        items=IdMap(items, "item"),
        cold_factors=cold,
        catalogue=Catalogue(table),
        fingerprint="f",
    )
    rules = [Deny([3]), Where(pc.field("year") >= 10)]
    plan = plan_job(whole, tmp_path / "out", rules=rules, part_users=PART_USERS)
    shared = pickle.loads(pickle.dumps(SharedJob.of(plan)))
    assert shared.plan.recommender is None
    opened = shared.open(2)
    assert opened.recommender.num_threads == 2
    (tmp_path / "out").mkdir()
    parts = [write_part(one, 3) for one in (plan, opened)]
    assert parts[0] == parts[1]


def test_without_ray_the_extra_is_named(recommender, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    plan = plan_job(recommender, tmp_path / "out")
    with pytest.raises(MissingExtraError, match=r"alsatian\[ray\]"):
        run_job(plan, engine=run_ray)
    with pytest.raises(InvalidInputError, match="cpus is 0"):
        run_job(plan, resume=True, engine=functools.partial(run_ray, cpus=0))


def test_nothing_to_do_takes_no_cluster(recommender, tmp_path) -> None:
    plan = plan_job(recommender, tmp_path / "out")
    assert list(run_ray(plan, iter(()), address="127.0.0.1:9")) == []


def test_what_dead_tasks_left_is_removed_and_nothing_else(
    connection, recommender, tmp_path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    plan = plan_job(recommender, out, n=20, part_users=PART_USERS)
    for name in ("part-00001.parquet", "part-00005.parquet", "manifest.json"):
        (out / f"{name}.12-0123abcd.tmp").touch()
    assert len(list(run_ray(plan, [1, 2]))) == 2
    names = {file.name for file in out.iterdir()}
    assert {name for name in names if name.endswith(".tmp")} == {
        "part-00005.parquet.12-0123abcd.tmp",
        "manifest.json.12-0123abcd.tmp",
    }
    assert {"part-00001.parquet", "part-00002.parquet"} <= names


def test_rows_are_those_of_the_local_engine(
    connection, recommender: Recommender, local: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told = []
    result = run_job(
        plan_job(recommender, out, n=20, part_users=PART_USERS),
        engine=run_ray,
        progress=lambda done, total, rate: told.append((done, total)),
    )
    assert result.parts_done == 7
    assert told == [(done, 7) for done in range(1, 8)]
    assert same_files(out, local)
    (out / "part-00002.parquet").unlink()
    again = run_job(
        plan_job(recommender, out, n=20, part_users=PART_USERS, resume=True), True, engine=run_ray
    )
    assert (again.parts_done, again.parts_kept) == (1, 6)
    assert same_files(out, local)


def test_the_command_takes_the_engine(connection, model, local, tmp_path, capsys) -> None:
    command = ["recommend", str(model), "--part-users", str(PART_USERS), "--n", "20"]
    out = tmp_path / "out"
    assert run([*command, "--out", str(out), "--engine", "ray"]) == 0
    assert same_files(out, local)
    assert run([*command, "--out", str(tmp_path / "o"), "--engine", "rey"]) == 2
    assert "engine is 'rey', expected one of local, ray" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_what_a_task_finds_wrong_is_one_line(connection, recommender, tmp_path) -> None:
    plan = plan_job(recommender, tmp_path / "out", n=20)
    (tmp_path / "out").write_text("a file in the way")
    with pytest.raises(StorageError, match=r"in the way|not a folder") as raised:
        list(run_ray(plan, range(plan.parts)))
    assert "\n" not in str(raised.value)


def test_no_room_and_no_cluster_are_told_at_once(machines, recommender, tmp_path) -> None:
    plan = plan_job(recommender, tmp_path / "out", n=20)
    for options, says in [
        ({"cpus": 3, "address": machines.address}, "3 CPUs and .* memory, which none"),
        ({"address": "127.0.0.1:9"}, "nothing listens there"),
    ]:
        with pytest.raises(ClusterError, match=says):
            list(run_ray(plan, [0], **options))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recommender, Path]:
    """A model whose job takes a while, and what the local engine writes."""
    random = np.random.default_rng(1)
    frame = pa.table({"user_id": random.integers(12_000, size=150_000)}).append_column(
        "item_id", pa.array(random.integers(20_000, size=150_000))
    )
    recommender = Recommender.fit(
        Interactions.from_frame(frame),
        model=AlternatingLeastSquares(factors=32, iterations=1, random_state=0),
    )
    folder = tmp_path_factory.mktemp("large")
    recommender.save(folder / "model")
    run_job(plan_job(recommender, folder / "local", n=20, part_users=300))
    return recommender, folder / "local"


@pytest.mark.parametrize("what", ["machine", "process"])
def test_a_death_costs_its_parts_alone(machines, large, tmp_path: Path, what) -> None:
    recommender, local = large
    out = tmp_path / "out"
    deed = (
        machines.kill_one if what == "machine" else lambda: machines.kill_task("write_shared_part")
    )
    later = machines.later(deed, 0.05)
    engine = functools.partial(run_ray, address=machines.address)
    counts: list[int] = []

    def progress(done: int, total: int, rate: float) -> None:
        counts.append(done)
        if done == 5:
            later()

    result = run_job(
        plan_job(recommender, out, n=20, part_users=300), engine=engine, progress=progress
    )
    later.join()
    assert later.came_to is not False
    assert result.parts_done == result.parts == counts[-1] == 40
    assert rows_of(out).equals(rows_of(local))
    assert {file.name for file in out.iterdir()} == {file.name for file in local.iterdir()}
