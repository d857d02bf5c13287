"""A recommender saved and loaded: what comes back, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from recsys import AlternatingLeastSquares, Interactions, Recommender
from recsys.content import Content
from recsys.errors import (
    InputNotFoundError,
    JobConflictError,
    ModelFormatError,
)
from recsys.lock import folder_lock


@pytest.fixture
def folder(fitted: Recommender, tmp_path: Path) -> Path:
    fitted.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("mmap", [True, False])
def test_saved_and_loaded_it_answers_the_same(
    fitted: Recommender, folder: Path, mmap: bool
) -> None:
    loaded = Recommender.load(folder, mmap=mmap)
    assert loaded.fingerprint == fitted.fingerprint != ""
    users = fitted.users.ids.slice(0, 50)
    assert loaded.recommend(users).equals(fitted.recommend(users))
    assert loaded.explain(196, 1).contributions.equals(fitted.explain(196, 1).contributions)
    assert loaded.history(196).equals(fitted.history(196))
    assert loaded.catalogue is not None
    assert loaded.catalogue.title(0) == fitted.catalogue.title(0)  # type: ignore[union-attr]
    assert isinstance(loaded.content, Content)
    names = {entry.name.split("-")[0] for entry in folder.iterdir()}
    assert not any(name.endswith(".pkl") for name in names)


def test_the_fingerprint_is_of_the_content(fitted: Recommender, tmp_path: Path) -> None:
    fitted.save(tmp_path / "a")
    first = fitted.fingerprint
    fitted.save(tmp_path / "b")
    assert fitted.fingerprint == first == Recommender.load(tmp_path / "a").fingerprint


def test_saving_again_leaves_one_model_and_open_ones_usable(
    fitted: Recommender, folder: Path
) -> None:
    opened = Recommender.load(folder)
    before = opened.recommend([7])
    files = len(list(folder.iterdir()))
    fitted.save(folder)
    assert len(list(folder.iterdir())) == files
    assert opened.recommend([7]).equals(before)
    assert Recommender.load(folder).recommend([7]).equals(before)


def test_an_index_that_is_not_exact_is_saved_with_it(ml100k: Path, tmp_path: Path) -> None:
    events = Interactions.from_parquet(ml100k / "interactions.parquet")
    model = AlternatingLeastSquares(8, iterations=2, random_state=0)
    made = Recommender.fit(events, model=model, index="hnsw")
    made.save(tmp_path / "m")
    made.save(tmp_path / "m")
    loaded = Recommender.load(tmp_path / "m")
    assert loaded.index.kind == "hnsw"
    assert loaded.recommend([1, 2]).equals(made.recommend([1, 2]))


def test_a_truncated_model_file_is_refused(folder: Path) -> None:
    for file in folder.glob("*-*"):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        with pytest.raises(ModelFormatError, match=r"is damaged: \d+ bytes, expected"):
            Recommender.load(folder)
        file.write_bytes(content)
    Recommender.load(folder)


def test_a_newer_model_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["version"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelFormatError, match="upgrade alsatian"):
        Recommender.load(folder)


def test_a_manifest_that_lies_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["parts"]["users"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelFormatError, match="is damaged"):
        Recommender.load(folder)


def test_a_model_never_overwrites_something_else(fitted: Recommender, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(JobConflictError, match=r"'thesis.tex', which is no model"):
        fitted.save(tmp_path)
    with pytest.raises(JobConflictError, match="is a file"):
        fitted.save(tmp_path / "thesis.tex")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(InputNotFoundError, match="alsatian fit"):
        Recommender.load(tmp_path / "nothing")


def test_a_model_never_overwrites_another_manifest(fitted: Recommender, tmp_path: Path) -> None:
    for text in ('{"kind": "alsatian-recommendations"}', '{"name": "a web app"}', "no JSON"):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(JobConflictError, match="which is no model"):
            fitted.save(tmp_path)
        assert (tmp_path / "manifest.json").read_text() == text


def test_loading_while_another_process_saves(fitted: Recommender, tmp_path: Path) -> None:
    """Whoever opens the folder finds the old model or the new one, each whole."""
    fitted.save(tmp_path / "m")
    code = (
        "import sys; from recsys import Recommender\n"
        "r = Recommender.load(sys.argv[1], mmap=False)\n"
        "for _ in range(25): r.save(sys.argv[1])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "m")]
    with subprocess.Popen(command) as saving:
        opened = 0
        while saving.poll() is None:
            assert Recommender.load(tmp_path / "m").fingerprint == fitted.fingerprint
            opened += 1
    assert saving.returncode == 0
    assert opened > 3


def test_only_one_process_saves_at_a_time(fitted: Recommender, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with (
        folder_lock(tmp_path / "m"),
        pytest.raises(JobConflictError, match="being written by another process"),
    ):
        fitted.save(tmp_path / "m")


def test_items_removed_from_the_index_stay_removed_in_a_saved_model(
    folder: Path, tmp_path: Path
) -> None:
    opened = Recommender.load(folder)
    best = opened.recommend([196], n=1)["item_id"].to_pylist()
    opened.index.remove(opened.items.rows(best))
    opened.save(tmp_path / "fewer")
    again = Recommender.load(tmp_path / "fewer")
    assert again.index.removed.tolist() == opened.items.rows(best).tolist()
    found = again.recommend([196], n=50)["item_id"].to_pylist()
    assert len(found) == 50
    assert best[0] not in found
    assert Recommender.load(folder).recommend([196], n=1)["item_id"].to_pylist() == best
