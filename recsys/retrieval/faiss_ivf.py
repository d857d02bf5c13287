"""Inverted files for maximum inner product, with exact scores at the end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recsys.errors import InvalidInputError
from recsys.retrieval.base import NO_SCORE, check_count, check_threads
from recsys.retrieval.faiss_base import (
    FaissIndex,
    faiss_threads,
    import_faiss,
    read_faiss,
    some_vectors,
)
from recsys.retrieval.files import read_side

_TRAIN_PER_CELL = 64
_SMALL = 1e-3  # the coordinate that carries the centroids' lengths, in lengths of the longest item
_SCORED_AT_ONCE = 1 << 22


class FaissIvfIndex(FaissIndex):
    """Items in cells of like vectors, of which a search scans the most promising (``IVFFlat``).

    Parameters
    ----------
    factors : array-like, shape (size, factors)
        Item vectors, finite. FAISS holds a copy of its own; contiguous float32 is also used in
        place, for exact scores, and must not be changed afterwards.
    cells : int, optional
        Number of cells; about ``2 sqrt(size)`` where it is not given.
    probes : int, optional
        Cells that a search scans: recall against time. Widened for long lists and for filters.
    num_threads : int
        Threads to build with; 0 leaves FAISS its own number.

    Raises
    ------
    InvalidInputError
        Not a matrix of finite numbers, without rows, or a parameter out of range.
    """

    kind = "ivf"
    exact_below_rows = 20_000
    exact_below_share = 0.1
    #: Fetched for each row wanted, to be scored exactly.
    pool = 1
    _type = "IndexIVFFlat"
    _step = 1  # the width is a multiple of it
    _width: int

    def __init__(
        self,
        factors: ArrayLike,
        *,
        cells: int | None = None,
        probes: int | None = None,
        num_threads: int = 0,
    ) -> None:
        vectors = some_vectors(factors)
        if cells is None:
            cells = max(1, min(int(2 * len(vectors) ** 0.5), len(vectors) // 16))
        if check_count(cells, "cells") > len(vectors):
            raise InvalidInputError(f"cells is {cells}, more than the {len(vectors)} items")
        self.probes = check_count(max(1, cells // 8) if probes is None else probes, "probes")
        self._vectors = vectors
        self._longest = float(np.sqrt(_squares(vectors).max())) or 1.0
        self._width = -(-(self.factors + 2) // self._step) * self._step
        with faiss_threads(import_faiss(), check_threads(num_threads)):
            self._build(int(cells))

    def _build(self, cells: int) -> None:
        faiss = import_faiss()
        random = np.random.default_rng(0)
        chosen = random.permutation(self.size)[: cells * _TRAIN_PER_CELL]
        sample = self._augmented(self._vectors[np.sort(chosen)])
        sphere = np.ascontiguousarray(sample[:, : self.factors + 1])
        settings = faiss.ClusteringParameters()
        settings.niter, settings.seed, settings.min_points_per_centroid = 10, 1, 1
        clustering = faiss.Clustering(sphere.shape[1], cells, settings)
        clustering.train(sphere, faiss.IndexFlatL2(sphere.shape[1]))
        centroids = faiss.vector_to_array(clustering.centroids).reshape(cells, -1)
        quantizer = faiss.IndexFlatIP(sample.shape[1])
        small = _SMALL * self._longest
        last = -_squares(centroids)[:, None] / (2 * small)
        rest = np.zeros((cells, sample.shape[1] - self.factors - 2), np.float32)
        quantizer.add(np.hstack([centroids, last, rest]).astype(np.float32))
        self._index = self._empty(quantizer, cells)
        self._index.by_residual = False
        self._index.train(sample)
        step = max(1, _SCORED_AT_ONCE // self.factors)
        for start in range(0, self.size, step):
            self._index.add(self._augmented(self._vectors[start : start + step]))

    def _empty(self, quantizer: Any, cells: int) -> Any:
        faiss = import_faiss()
        return faiss.IndexIVFFlat(quantizer, quantizer.d, cells, faiss.METRIC_INNER_PRODUCT)

    def _augmented(self, items: NDArray[np.float32]) -> NDArray[np.float32]:
        """Items on a sphere, and a last coordinate by which inner product ranks by distance."""
        result = np.zeros((len(items), self._width), np.float32)
        result[:, : self.factors] = items
        rest = np.maximum(self._longest**2 - _squares(items), 0.0)
        result[:, self.factors] = np.sqrt(rest)
        result[:, self.factors + 1] = _SMALL * self._longest
        return result

    def _turned(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Queries that rank cells by the distance of ``queries * longest / length``."""
        result = np.zeros((len(queries), self._width), np.float32)
        result[:, : self.factors] = queries
        result[:, self.factors + 1] = np.sqrt(_squares(queries)) * _SMALL
        return result

    def _fetch(
        self, x: NDArray[np.float32], fetch: int, selector: Any, allowed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        faiss = import_faiss()
        depth = min(fetch * self.pool, allowed)
        parameters = self._parameters(fetch, selector, allowed)
        ids = self._index.search(self._turned(x), depth, params=parameters)[1]
        scores = np.empty(ids.shape, dtype=np.float32)
        faiss.fvec_inner_products_by_idx(
            faiss.swig_ptr(scores), faiss.swig_ptr(x), faiss.swig_ptr(self._vectors),
            faiss.swig_ptr(ids), self.factors, len(x), depth,
        )  # fmt: skip
        scores[ids < 0] = NO_SCORE
        return scores, ids

    def _parameters(self, fetch: int, selector: Any, allowed: int) -> Any:
        # Deeper lists lie in more cells; of those that a filter thins out, more are needed.
        wider = max(1.0, fetch / 32) ** 0.5 * self.size / allowed
        probes = min(int(np.ceil(self.probes * wider)), int(self._index.nlist))
        return import_faiss().SearchParametersIVF(nprobe=probes, sel=selector)

    def _settings(self) -> dict[str, Any]:
        return {
            "probes": self.probes,
            "pool": self.pool,
            "longest": self._longest,
            "width": self._width,
        }

    def _side(self) -> dict[str, NDArray[Any]]:
        return {"vectors": self._vectors}

    @classmethod
    def load(cls, path: str | os.PathLike[str], mmap: bool = True) -> FaissIvfIndex:
        """Open a saved index; see :meth:`recsys.retrieval.ExactIndex.load`."""
        loaded = cls.__new__(cls)
        index, manifest = read_faiss(Path(path), cls.kind, cls._type, mmap)
        loaded._index, loaded._width = index, int(index.d)
        loaded._vectors = read_side(Path(path), manifest, mmap)["vectors"]
        loaded.probes = check_count(manifest.get("probes", 1), "probes")
        loaded.pool = check_count(manifest.get("pool", 1), "pool")
        loaded._longest = float(manifest["longest"])
        return loaded


class FaissIvfPqIndex(FaissIvfIndex):
    """Cells whose items are kept as codes of 4 bits (``IVFPQFastScan``), scored exactly at the end.

    Parameters
    ----------
    factors, cells, probes, num_threads
        As for :class:`FaissIvfIndex`.
    pool : int
        Items fetched by their codes for each row wanted, to be scored exactly.
    step : int
        Factors that share a code of 4 bits.

    Raises
    ------
    InvalidInputError
        Not a matrix of finite numbers, without rows, or a parameter out of range.
    """

    kind = "ivfpq"
    _type = "IndexIVFPQFastScan"

    def __init__(
        self,
        factors: ArrayLike,
        *,
        cells: int | None = None,
        probes: int | None = None,
        pool: int = 10,
        step: int = 2,
        num_threads: int = 0,
    ) -> None:
        self.pool = check_count(pool, "pool")
        self._step = check_count(step, "step")
        super().__init__(factors, cells=cells, probes=probes, num_threads=num_threads)

    def _empty(self, quantizer: Any, cells: int) -> Any:
        faiss = import_faiss()
        width = int(quantizer.d)
        return faiss.IndexIVFPQFastScan(
            quantizer, width, cells, width // self._step, 4, faiss.METRIC_INNER_PRODUCT
        )


def _squares(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
