"""Which index to build, and opening one without knowing which it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from recsys.errors import InvalidInputError, ModelFormatError
from recsys.retrieval.base import Index, check_count, check_vectors
from recsys.retrieval.exact import ExactIndex
from recsys.retrieval.faiss_base import some_vectors
from recsys.retrieval.faiss_index import FaissFlatIndex, FaissHnswIndex
from recsys.retrieval.faiss_ivf import FaissIvfIndex, FaissIvfPqIndex
from recsys.retrieval.files import open_index
from recsys.retrieval.tuning import LEAST_SAMPLE, check_recall, tune

IndexKind = Literal["auto", "exact", "flat", "hnsw", "ivf", "ivfpq"]

#: Rows up to which ``"auto"`` takes the exact search, for large batches and for single queries.
EXACT_UP_TO = 2_000_000
EXACT_UP_TO_SINGLE = 1_000_000

#: Queries at once from which a search counts as a large batch.
LARGE_BATCH = 64

# Probing more of the lists than this, an exact search costs about as much.
_WORTH_PROBING = 0.25

_APPROXIMATE: dict[str, type[FaissHnswIndex] | type[FaissIvfIndex]] = {
    "hnsw": FaissHnswIndex,
    "ivf": FaissIvfIndex,
    "ivfpq": FaissIvfPqIndex,
}


def make_index(
    factors: ArrayLike,
    kind: IndexKind = "auto",
    *,
    recall: float = 0.99,
    queries: ArrayLike | None = None,
    n: int = 20,
    batch: int | None = None,
    num_threads: int = 0,
) -> Index:
    """Build an index for maximum inner product search.

    Parameters
    ----------
    factors : array-like, shape (size, factors)
        Item vectors, finite.
    kind : {"auto", "exact", "flat", "hnsw", "ivf", "ivfpq"}
        ``"exact"`` is the native kernel, ``"flat"`` FAISS's exhaustive search; approximate are
        ``"hnsw"``, a graph, ``"ivf"``, lists of vectors, and ``"ivfpq"``, lists of 4-bit codes
        with exact scores for the best. ``"auto"`` takes the exact search up to 2,000,000
        rows, 1,000,000 where few queries come at a time, and tuned lists above.
    recall : float
        Share of the exact top `n` wanted of an approximate index, in (0, 1]; 1 makes ``"auto"``
        exact.
    queries : array-like, shape (q, factors), optional
        At least 20 vectors of users, a sample of those that will ask: an approximate index is
        tuned on them (see :func:`tune`) and tells the recall measured as ``recall_``. Item vectors
        are no stand-in, since an item finds itself. So without queries nothing is tuned or
        promised: ``recall_`` is None, and ``"auto"`` is exact.
    n : int
        Length of the lists to tune for.
    batch : int, optional
        How many queries come at a time; many by default.
    num_threads : int
        Threads to build and tune with; 0 means all.

    Returns
    -------
    Index
        For ``"auto"``, one that reached the recall, or the exact one. An index asked for by name is
        returned though it did not reach it: ``index.tuned.reached`` tells.

    Raises
    ------
    InvalidInputError
        An unknown kind, a parameter out of range, or vectors that are no matrix of finite numbers.

    Notes
    -----
    ``"auto"`` chooses among the exact search and the lists. Measured with factors (f=64) of
    power-law matrices, top 20, 2,000 queries, 2 cores with AVX2, times FAISS's exhaustive search:
    of 100,000 items exact 14, lists tuned to 0.99 8, a graph 1.7; of 500,000 exact 104, lists 32
    (recall 0.992). Singly, exact answered 4,033 and 4,657 queries a second, lists 2,682 and 2,551.
    The exact search grows with the items, lists with their square root, so they meet at some
    millions; the limits are extrapolated to be below that. On vectors whose lengths are all alike
    the exact search has nothing to stop by: 3,244 queries a second of 500,000 random normals.

    Examples
    --------
    >>> make_index([[1.0, 0.0], [0.0, 1.0]]).kind
    'exact'
    """
    if kind not in get_args(IndexKind):
        raise InvalidInputError(
            f"index kind is {kind!r}, expected one of {', '.join(get_args(IndexKind))}"
        )
    recall, n = check_recall(recall), check_count(n)
    limit = EXACT_UP_TO
    if batch is not None and check_count(batch, "batch") < LARGE_BATCH:
        limit = EXACT_UP_TO_SINGLE
    if kind == "exact":
        return ExactIndex(factors)
    if kind == "flat":
        return FaissFlatIndex(factors)
    few = queries is None or np.shape(queries)[0] < LEAST_SAMPLE
    if kind == "auto" and (few or recall == 1 or np.shape(factors)[0] <= limit):
        return ExactIndex(factors)
    vectors = some_vectors(factors)
    sample = None if queries is None else check_vectors(queries, "queries", vectors.shape[1])
    index = _APPROXIMATE["ivf" if kind == "auto" else kind](vectors, num_threads=num_threads)
    if sample is not None:
        tuned = tune(index, sample, n=n, recall=recall, num_threads=num_threads)
        if kind == "auto" and not (tuned.reached and _worth_it(index)):
            return ExactIndex(vectors)
    return index


def _worth_it(index: FaissHnswIndex | FaissIvfIndex) -> bool:
    return isinstance(index, FaissIvfIndex) and index.nprobe <= _WORTH_PROBING * index.lists


def load_index(path: str | os.PathLike[str], mmap: bool = True) -> Index:
    """Open a saved index of whatever kind.

    Parameters
    ----------
    path : path-like
        Folder that an index's ``save`` wrote.
    mmap : bool
        Map the file instead of reading it.

    Returns
    -------
    Index

    Raises
    ------
    InputNotFoundError
        There is no such folder.
    ModelFormatError
        It is damaged, of an unknown kind, or newer than this version.
    """
    manifest, _ = open_index(Path(path), verify=False)
    found = manifest.get("index")
    if found == "exact":
        return ExactIndex.load(path, mmap)
    if found == "flat":
        return FaissFlatIndex.load(path, mmap)
    if isinstance(found, str) and found in _APPROXIMATE:
        return _APPROXIMATE[found].load(path, mmap)
    raise ModelFormatError(
        f"{path} holds an index of the unknown kind {found!r}; upgrade alsatian or build it again"
    )
