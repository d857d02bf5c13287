from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from reranking_doubles import among

from llm_layer.profile import UserProfile
from llm_layer.rerank import Wish
from llm_layer.reranking import NeighbourReranker, neighbours
from recsys.errors import ModelFormatError, StorageError
from recsys.recommender import Recommender
from recsys.storage import read_tensors, write_tensors


def test_neighbours_are_regressions_on_the_history(rec: Recommender) -> None:
    chosen = (rec.interactions.matrix.toarray() > 0).astype(float)
    history, others = [2, 6], [row for row in range(chosen.shape[1]) if row not in (2, 6)]
    ranked = NeighbourReranker(rec, regularization=3.0).rerank(
        among(others), Wish(), UserProfile(history=tuple(history))
    )
    sums = {}
    for row in others:  # each column on all others, one by one
        rest = [other for other in range(chosen.shape[1]) if other != row]
        ours = chosen[:, rest]
        gram = ours.T @ ours + 3.0 * np.eye(len(rest))
        weights = dict(zip(rest, np.linalg.solve(gram, ours.T @ chosen[:, row]), strict=True))
        sums[row] = sum(weights[known] for known in history)
    assert ranked.rows.tolist() == sorted(others, key=lambda row: -sums[row])
    low, high = min(sums.values()), max(sums.values())
    scaled = [(sums[int(row)] - low) / (high - low) for row in ranked.rows]
    np.testing.assert_allclose(ranked.parts["neighbours"], scaled, atol=1e-5)


def test_items_beyond_the_most_chosen_are_not_judged(rec: Recommender) -> None:
    counts = np.bincount(rec.interactions.matrix.indices, minlength=len(rec.items))
    often = np.argsort(-counts, kind="stable")[:6].tolist()
    seldom = [row for row in range(len(counts)) if row not in often]
    ranked = NeighbourReranker(rec, items=6).rerank(
        among([*seldom[:3], *often[1:4]]), Wish(), UserProfile(history=(often[0], seldom[5]))
    )
    assert ranked.rows[3:].tolist() == seldom[:3]
    assert np.isnan(ranked.parts["neighbours"]).tolist() == [False] * 3 + [True] * 3
    stranger = NeighbourReranker(rec, items=6).rerank(
        among(often[1:4]), Wish(), UserProfile(history=(seldom[5],))
    )
    assert "no history" in stranger.reason


# --- kept in a file ------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "neighbours.safetensors"


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The regularization of each fit."""
    seen: list[float] = []
    fit = neighbours._ease

    def noted(matrix: object, regularization: float) -> object:
        seen.append(regularization)
        return fit(matrix, regularization)  # type: ignore[arg-type]

    monkeypatch.setattr(neighbours, "_ease", noted)
    return seen


def said(reranker: NeighbourReranker) -> tuple[list[int], list[float]]:
    ranked = reranker.rerank(among([9, 3, 5, 1]), Wish(), UserProfile(history=(2, 6)))
    return ranked.rows.tolist(), ranked.parts["neighbours"].tolist()


def test_a_second_start_reads_what_the_first_one_fitted(
    rec: Recommender, kept: Path, fits: list[float], tmp_path: Path
) -> None:
    first = NeighbourReranker(rec, path=kept)
    assert first.origin == "fitted"
    written = kept.read_bytes()
    rec.save(tmp_path / "model")
    again = NeighbourReranker(Recommender.load(tmp_path / "model"), path=kept)
    assert again.origin == f"read from {kept}"
    assert len(fits) == 1
    assert said(again) == said(first) == said(NeighbourReranker(rec))
    assert isinstance(again._weights.base, np.memmap) or isinstance(again._weights, np.memmap)
    assert kept.read_bytes() == written
    assert [each.name for each in tmp_path.glob("*.tmp")] == []


def test_other_interactions_or_parameters_are_fitted_anew(
    rec: Recommender, kept: Path, fits: list[float], tmp_path: Path
) -> None:
    NeighbourReranker(rec, path=kept)
    other = NeighbourReranker(rec, path=kept, regularization=3.0, items=6)
    assert (
        other.origin == f"fitted anew: {kept} is of another number of items and another "
        "regularization"
    )
    NeighbourReranker(rec, path=kept)
    rec.save(tmp_path / "model")
    changed = Recommender.load(tmp_path / "model")
    changed.forget(changed.users.ids.to_pylist()[0])
    without = NeighbourReranker(changed, path=kept)
    assert without.origin == f"fitted anew: {kept} is of other interactions"
    assert len(fits) == 4
    # What was of somebody who is forgotten is in the file no more.
    assert NeighbourReranker(changed, path=kept).origin == f"read from {kept}"
    assert said(without) != said(NeighbourReranker(rec))


def test_altered_numbers_are_fitted_anew(rec: Recommender, kept: Path, fits: list[float]) -> None:
    right = said(NeighbourReranker(rec, path=kept))
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-3] + bytes([whole[-3] ^ 64]) + whole[-2:])
    mended = NeighbourReranker(rec, path=kept)
    assert mended.origin.startswith(f"fitted anew: {kept} is damaged")
    assert said(mended) == right
    assert kept.read_bytes() == whole
    tensors, told = read_tensors(kept)
    write_tensors(kept, {"weights": tensors["weights"][:-1]}, told)
    assert "is damaged" in NeighbourReranker(rec, path=kept).origin
    assert len(fits) == 3


def test_files_that_are_not_ours_are_refused_and_stay(
    rec: Recommender, kept: Path, fits: list[float], tmp_path: Path
) -> None:
    rec.save(tmp_path / "model")
    factors = next((tmp_path / "model").glob("factors-*.safetensors"))
    shutil.copy(factors, kept)
    with pytest.raises(ModelFormatError, match="expected 'alsatian neighbour weights'"):
        NeighbourReranker(rec, path=kept)
    assert kept.read_bytes() == factors.read_bytes()
    for text in (b"", b"notes of mine", bytes(200)):
        kept.write_bytes(text)
        with pytest.raises(ModelFormatError, match=r"cannot be read.*give another path"):
            NeighbourReranker(rec, path=kept)
        assert kept.read_bytes() == text
    kept.unlink()
    NeighbourReranker(rec, path=kept)
    kept.write_bytes(kept.read_bytes()[:-8])  # cut off: it may be anything
    with pytest.raises(ModelFormatError, match="cannot be read"):
        NeighbourReranker(rec, path=kept)
    write_tensors(kept, {"weights": np.eye(2)}, {"kind": neighbours._KIND, "format": "2"})
    with pytest.raises(ModelFormatError, match="format '2', this release reads '1'"):
        NeighbourReranker(rec, path=kept)
    assert len(fits) == 1


def test_where_nothing_can_be_written_it_says_so(rec: Recommender, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="its folder does not exist"):
        NeighbourReranker(rec, path=tmp_path / "absent" / "neighbours.safetensors")
