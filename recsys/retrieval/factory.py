"""Which index to build, and opening one without knowing which it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from recsys.errors import InvalidInputError, ModelFormatError
from recsys.retrieval.base import Index
from recsys.retrieval.exact import ExactIndex
from recsys.retrieval.faiss_index import FaissFlatIndex, FaissHnswIndex
from recsys.retrieval.files import open_index

IndexKind = Literal["auto", "exact", "flat", "hnsw"]

#: Rows up to which ``"auto"`` takes the exact search.
EXACT_UP_TO = 200_000


def make_index(factors: ArrayLike, kind: IndexKind = "auto", *, num_threads: int = 0) -> Index:
    """Build an index for maximum inner product search.

    Parameters
    ----------
    factors : array-like, shape (size, factors)
        Item vectors, finite.
    kind : {"auto", "exact", "flat", "hnsw"}
        ``"exact"`` is the native kernel, ``"flat"`` FAISS's exhaustive search, ``"hnsw"`` a
        graph (approximate). ``"auto"`` takes the exact search up to 200,000 rows and the graph
        above.
    num_threads : int
        Threads to build with; 0 means all.

    Returns
    -------
    Index

    Raises
    ------
    InvalidInputError
        An unknown kind, or vectors that are no matrix of finite numbers.

    Examples
    --------
    >>> make_index([[1.0, 0.0], [0.0, 1.0]]).kind
    'exact'
    """
    if kind == "auto":
        kind = "exact" if np.shape(factors)[0] <= EXACT_UP_TO else "hnsw"
    if kind == "exact":
        return ExactIndex(factors)
    if kind == "flat":
        return FaissFlatIndex(factors)
    if kind == "hnsw":
        return FaissHnswIndex(factors, num_threads=num_threads)
    raise InvalidInputError(
        f"index kind is {kind!r}, expected one of {', '.join(get_args(IndexKind))}"
    )


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
    if found == "hnsw":
        return FaissHnswIndex.load(path, mmap)
    raise ModelFormatError(
        f"{path} holds an index of the unknown kind {found!r}; upgrade alsatian or build it again"
    )
