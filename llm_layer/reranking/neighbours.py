"""Taste in neighbours: item-to-item weights, fitted once and kept in a file."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import lapack

from llm_layer.profile import UserProfile
from llm_layer.rerank import Ranked, Usage, Wish, checked, spread
from llm_layer.reranking.ordering import ranked_by
from llm_layer.retrieve import Candidates
from recsys.als.checkpoints import fingerprint
from recsys.errors import InvalidInputError, ModelFormatError
from recsys.recommender import Recommender
from recsys.storage import read_tensors, write_tensors

Weights = npt.NDArray[np.float32]
_KIND = "alsatian neighbour weights"
_FORMAT = "1"
# What the weights depend on, with the words for a file that has other ones.
_DEPENDS_ON = {
    "interactions": "other interactions",
    "items": "another number of items",
    "regularization": "another regularization",
}


class NeighbourReranker:
    """Learned item-to-item weights, summed over the history; its signal is ``"neighbours"``.

    EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"): each item's column of
    the interactions as a ridge regression on all others, in closed form. Items next to each other
    tell what a few dozen factors are too coarse for. It inverts a dense matrix, so it is fitted to
    the items chosen most often; the rest is not judged. 4,000 items take some seconds and 64 MB,
    at each start; with `path` at the first alone.

    Parameters
    ----------
    rec : Recommender
        Whose interactions are read, here and now.
    items : int
        So many items at most, >= 2.
    regularization : float
        Ridge strength, > 0.
    path : path-like, optional
        A safetensors file that keeps the weights: written where it is missing, mapped where it
        fits, so that processes share its memory. One that was fitted to other interactions, or
        with other parameters, or whose numbers were altered, is fitted anew and replaced.

    Attributes
    ----------
    origin : str
        Where the weights are from, in one line: ``"fitted"``, ``"read from PATH"``, or
        ``"fitted anew: PATH ..."`` with what was wrong with the file.

    Raises
    ------
    InvalidInputError
        A parameter is out of range.
    ModelFormatError
        `path` is another file than this class writes, cut off, or of a newer release; it stays.
    StorageError
        `path` cannot be written.
    """

    signals = ("neighbours",)

    def __init__(
        self,
        rec: Recommender,
        *,
        items: int = 4000,
        regularization: float = 500.0,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        if items < 2 or not regularization > 0:
            raise InvalidInputError(
                f"items is {items} and regularization {regularization}, expected at least 2 and "
                "more than 0"
            )
        matrix = rec.interactions.matrix
        counts = np.bincount(matrix.indices, minlength=len(rec.items))
        often = np.sort(np.argsort(-counts, kind="stable")[:items])
        often = often[counts[often] > 0]
        # Place of each item among those that are judged, -1 for the rest.
        self._place = np.full(len(rec.items), -1)
        self._place[often] = np.arange(often.size)
        self.origin = "fitted"
        about = {
            "kind": _KIND,
            "format": _FORMAT,
            "interactions": str(fingerprint(matrix)["sha256"]),
            "items": str(items),
            "regularization": repr(float(regularization)),
        }
        found = None if path is None else self._read(Path(path), about, often.size)
        if found is None:
            found = _ease(sp.csr_matrix(matrix)[:, often], regularization)
            if path is not None:
                write_tensors(path, {"weights": found}, {**about, "sha256": _digest(found)})
        self._weights = found

    def _read(self, path: Path, about: dict[str, str], n: int) -> Weights | None:
        """Weights that fit, None where they have to be fitted; `origin` says why."""
        if not path.exists():
            return None
        tensors, told = _opened(path)
        weights = tensors["weights"]
        differs = [words for name, words in _DEPENDS_ON.items() if told.get(name) != about[name]]
        is_whole = weights.shape == (n, n) and weights.dtype == np.float32
        if differs:
            why = f"is of {' and '.join(differs)}"
        elif not is_whole or told.get("sha256") != _digest(weights):
            why = "is damaged: its numbers are not those that were written"
        else:
            self.origin = f"read from {path}"
            return weights
        self.origin = f"fitted anew: {path} {why}"
        return None

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`."""
        begun = time.perf_counter()
        rows = checked(candidates)
        values, reason = np.full(rows.size, np.nan), ""
        known = self._place[list(profile.history)] if profile.history else np.empty(0, int)
        known, ours = known[known >= 0], self._place[rows]
        judged = ours >= 0
        if not known.size:
            reason = "the visitor has no history"
        elif judged.any():
            # The diagonal is 0: what is known adds nothing to itself.
            sums = self._weights[known[:, None], ours[judged]].sum(axis=0, dtype=np.float64)
            values[judged] = spread(sums)
        usage = Usage(milliseconds=(time.perf_counter() - begun) * 1e3)
        return ranked_by(candidates, "neighbours", values, reason, usage=usage)


def _opened(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Arrays, mapped, and what is told of them; a file that is not ours is refused."""
    mend = "give another path, or remove the file to have the weights fitted anew"
    try:
        tensors, told = read_tensors(path, mmap=True)
    except ModelFormatError as error:
        raise ModelFormatError(
            f"neighbour weights {path} cannot be read: {str(error).partition('; ')[0]}; {mend}"
        ) from error
    if told.get("kind") != _KIND or set(tensors) != {"weights"}:
        raise ModelFormatError(
            f"{path} holds {told.get('kind', 'something else')!r}, expected {_KIND!r}; {mend}"
        )
    if told.get("format") != _FORMAT:
        raise ModelFormatError(
            f"neighbour weights {path} are of format {told.get('format')!r}, this release reads "
            f"{_FORMAT!r}; upgrade alsatian, or {mend}"
        )
    return tensors, told


def _digest(weights: Weights) -> str:
    return hashlib.sha256(np.ascontiguousarray(weights).reshape(-1).view(np.uint8).data).hexdigest()


def _ease(matrix: sp.csr_matrix, regularization: float) -> npt.NDArray[np.float32]:
    """Weights B of ``X ~ X B`` with a zero diagonal, X being 1 where there is an interaction."""
    chosen = matrix.astype(np.float64)
    chosen.data[:] = 1.0
    gram = (chosen.T @ chosen).toarray()
    gram[np.diag_indices_from(gram)] += regularization
    # By Cholesky's factor: half of what a general inverse takes.
    factor, failed = lapack.dpotrf(gram.T, lower=True, overwrite_a=True)
    half, also = lapack.dpotri(factor, lower=True, overwrite_c=True)
    if failed or also:
        raise InvalidInputError(
            f"regularization is {regularization}, too little for these interactions; give more"
        )
    inverse = np.tril(half) + np.tril(half, -1).T
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, np.float32)
