"""A forgotten user is nowhere, and nobody else notices."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from recsys import AlternatingLeastSquares, Interactions, Recommender
from recsys.batch import plan_job, run_job
from recsys.errors import JobConflictError, UnknownIdError
from recsys.forgetting import forget_in_folder, forget_in_lists
from recsys.storage import read_manifest, sha256_file

USERS, ITEMS = 60, 40
GONE = "zq-user-0017"


def fit(index: Any = "auto", *, weighted: bool = False) -> Recommender:
    random = np.random.default_rng(4)
    matrix = sp.random(USERS, ITEMS, 0.2, "csr", random_state=random, dtype=np.float32)
    users, items = matrix.tocoo().row, matrix.tocoo().col
    table = pa.table(
        {
            "user_id": [f"zq-user-{row:04d}" for row in users],
            "item_id": items.astype(np.int64),
            "weight": np.ceil(matrix.tocoo().data * 5),
            "timestamp": random.integers(10**9, 2 * 10**9, len(users)),
        }
    )
    events = Interactions.from_frame(table, weight="weight", timestamp="timestamp")
    titles = pa.table({"item_id": np.arange(ITEMS), "title": [f"T{at}" for at in range(ITEMS)]})
    extra = {"popularity_exponent": 0.5} if weighted else {}
    model = AlternatingLeastSquares(8, iterations=3, random_state=1, num_threads=1, **extra)
    return Recommender.fit(events, items=titles, model=model, index=index)


def others(rec: Recommender) -> list[Any]:
    return [user for user in rec.users.ids.to_pylist() if user != GONE]


def everything(rec: Recommender) -> list[Any]:
    """All that is told to anybody but the one."""
    kept = others(rec)
    rows = rec.users.rows(kept)
    return [
        kept,
        rec.recommend(kept, 10).to_pydict(),
        [rec.history(user).to_pydict() for user in kept],
        [rec.explain(user, 3).contributions.to_pydict() for user in kept[:9]],
        np.asarray(rec.model.user_factors)[rows].tobytes(),
        np.asarray(rec.item_factors).tobytes(),
        rec.similar_items(3).to_pydict(),
        rec.recommend_from([1, 2]).to_pydict(),
    ]


def list_rows(out: Path) -> list[dict[str, Any]]:
    parts = [pq.read_table(file) for file in sorted(out.glob("part-*.parquet"))]
    return list(pa.concat_tables(parts).to_pylist())


def traces(folder: Path, *needles: bytes) -> list[str]:
    """Files that hold any of the needles: among their bytes, or, of Parquet, uncompressed."""
    found = []
    for file in folder.rglob("*"):
        if not file.is_file():
            continue
        content = file.read_bytes()
        if content.startswith(b"PAR1"):
            content += str(pq.read_table(file).to_pydict()).encode()
        if any(needle in content for needle in needles):
            found.append(str(file))
    return found


@pytest.mark.parametrize("weighted", [False, True])
def test_others_notice_nothing(weighted: bool) -> None:
    rec = fit(weighted=weighted)
    before, count = everything(rec), rec.history(GONE).num_rows
    receipt = rec.forget(GONE)
    assert everything(rec) == before
    assert {one.what: one.count for one in receipt.removed} == {
        "user ids": 1,
        "interactions": count,
        "user factors": 1,
        "index entries": 0,
    }
    assert count > 0
    assert receipt.complete
    assert GONE not in str(receipt.to_dict())
    assert len(rec.users) == USERS - 1 == len(rec.model.user_factors)
    with pytest.raises(UnknownIdError, match=GONE):
        rec.recommend([GONE])
    assert rec.forget(GONE).total == 0


@pytest.mark.parametrize("index", ["auto", "ivf"])
def test_no_file_holds_them(tmp_path: Path, index: str) -> None:
    folder = tmp_path / "model"
    fit(index).save(folder)
    rec = Recommender.load(folder)
    before = everything(rec)
    factor = rec.user_vector(GONE).tobytes()
    # pages that a killed save left behind
    (folder / "factors-00000000.safetensors").write_bytes(factor)
    (folder / "users-00000000.parquet.1-aa.tmp").write_bytes(GONE.encode())
    assert traces(folder, factor)
    assert len(traces(folder, GONE.encode())) == 2
    rec.forget(GONE)
    assert not traces(folder, GONE.encode(), factor)
    assert everything(rec) == before
    read_manifest(folder, kind="alsatian-recommender", version=1)  # checksums hold
    again = Recommender.load(folder)
    assert everything(again) == before
    assert again.fingerprint == rec.fingerprint != ""
    assert GONE not in again.users


def test_a_folder_that_holds_another_model_by_now(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    rec = fit()
    rec.save(folder)
    fit(weighted=True).save(folder)
    before = everything(Recommender.load(folder))
    receipt = rec.forget(GONE)
    assert sum(one.count for one in receipt.removed if one.what == "user ids") == 2
    assert everything(Recommender.load(folder)) == before
    assert not traces(folder, GONE.encode())


def test_leftovers_go_where_the_user_is_not_in_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    fit().save(folder)
    forget_in_folder(folder, GONE)
    (folder / "users-00000000.parquet").write_bytes(GONE.encode())
    receipt = forget_in_folder(folder, GONE)
    assert receipt.removed[-1].what == "files of earlier saves"
    assert receipt.removed[-1].count == 1
    assert not traces(folder, GONE.encode())


def test_what_a_place_refuses_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    rec = fit()
    rec.save(folder)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("alsatian-recommender", "other"))
    receipt = rec.forget(GONE)
    assert not receipt.complete
    assert str(folder) in receipt.remains[0]
    assert GONE not in rec.users


def test_lists_of_a_job(tmp_path: Path) -> None:
    rec = fit()
    rec.save(tmp_path / "model")
    out = tmp_path / "lists"
    run_job(plan_job(rec, out, n=30, part_users=16))
    rows = list_rows(out)
    assert traces(out, GONE.encode())
    receipt = rec.forget(GONE, lists=[out])
    assert not traces(tmp_path, GONE.encode())
    left = list_rows(out)
    assert left == [row for row in rows if row["user_id"] != GONE]
    assert [one.count for one in receipt.removed if one.what == "rows of lists"] == [
        len(rows) - len(left)
    ]
    assert not any("not searched" in note for note in receipt.notes)
    # the manifest's checksums hold: the files are whole to whoever verifies them
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["rows"] == len(left)
    for part in manifest["parts"]:
        for file in part["files"]:
            assert sha256_file(out / file["name"]) == file["sha256"]
    assert forget_in_lists(out, GONE).total == 0


def test_an_unfinished_job_is_refused(tmp_path: Path) -> None:
    rec = fit()
    rec.save(tmp_path / "model")
    plan = plan_job(rec, tmp_path / "lists", n=5)
    plan.store.make()
    plan.manifest.write(plan.store)
    with pytest.raises(JobConflictError, match="not finished"):
        forget_in_lists(tmp_path / "lists", GONE)
    receipt = rec.forget(GONE, lists=[tmp_path / "lists"])
    assert "not finished" in receipt.remains[0]


def test_integer_ids_as_they_are_typed(tmp_path: Path) -> None:
    matrix = sp.csr_matrix(np.eye(5, dtype=np.float32) + 1)
    rec = Recommender.fit(
        Interactions.from_csr(matrix, user_ids=[77001, 77002, 77003, 77004, 77005]),
        model=AlternatingLeastSquares(4, iterations=2),
    )
    rec.save(tmp_path / "model")
    assert forget_in_folder(tmp_path / "model", "77003").total > 0
    left = Recommender.load(tmp_path / "model")
    assert left.users.ids.to_pylist() == [77001, 77002, 77004, 77005]
    for user in left.users.ids.to_pylist():  # down to nobody at all
        assert left.forget(user).complete
    assert len(Recommender.load(tmp_path / "model").users) == 0


def test_readers_never_meet_another_user_in_a_row() -> None:
    rec = fit()
    kept = others(rec)
    expected = {user: rec.recommend([user], 5).to_pydict() for user in kept[-8:]}
    vectors = {user: rec.user_vector(user).tobytes() for user in kept[-8:]}
    wrong: list[Any] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for user, told in expected.items():
                if rec.recommend([user], 5).to_pydict() != told:
                    wrong.append(user)
                if rec.user_vector(user).tobytes() != vectors[user]:
                    wrong.append(user)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for user in kept[:-8]:
        rec.forget(user)
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
