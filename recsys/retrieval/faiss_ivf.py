"""Inverted lists behind the interface of the indexes, with their own order of probing."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recsys.errors import InvalidInputError, ModelFormatError
from recsys.retrieval.base import NO_ROW, NO_SCORE, check_count, check_threads
from recsys.retrieval.faiss_approximate import ApproximateIndex
from recsys.retrieval.faiss_base import (
    BLOCK_CELLS,
    faiss_module,
    faiss_threads,
    in_memory,
    read_faiss,
    some_vectors,
)
from recsys.retrieval.files import checked_vectors, part_path
from recsys.retrieval.tuning import Knob
from recsys.storage import read_tensors

_SPREADS = 0.3  # see the notes of FaissIvfIndex
_EMPTY = np.float32(-1e30)  # keeps an empty list from being probed before a full one
_POINTS = 64  # vectors that k-means sees for each list
_SWEEPS = 8
_USUAL = 20  # length of the lists where no tuning tells it
_LOOKED_AT = 32  # queries that tell how many items the lists hold on the way

_Ivf = TypeVar("_Ivf", bound="FaissIvfIndex")
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class FaissIvfIndex(ApproximateIndex):
    """Lists of items that lie together, of which the most promising are searched (FAISS IVF).

    Parameters
    ----------
    factors : array-like, shape (size, factors)
        Item vectors, finite. Contiguous float32 is used in place and must not be changed
        afterwards; the lists hold copies.
    lists : int, optional
        Number of lists; about ``3 sqrt(size)`` by default.
    nprobe : int, optional
        Lists that a query looks into: recall against time. A sixteenth of them by default, before
        :func:`recsys.retrieval.tune` sets it. Widened for long lists and for filters.
    num_threads : int
        Threads to build with; 0 leaves FAISS its own number.
    seed : int
        Of the k-means that finds the lists.

    Raises
    ------
    InvalidInputError
        Not a matrix of finite numbers, without rows, or a parameter out of range.

    Notes
    -----
    Norms of item factors grow with popularity, and the items of the answers are among the longest.
    Lists found by plain k-means (squared distance, vectors as they are) part long from short
    vectors as well as directions: the long ones fill many small lists, the short ones few large.
    A query q probes by ``q . mean + 0.3 |q| spread``, an estimate of the best member of a list,
    `spread` being the root mean square distance of the members from their mean: it puts a small
    list of high promise before a large one. FAISS searches it as an inner product of one more
    dimension.

    Share of the items to be scanned for recall@20 of 0.99, factors of f=64 trained by our ALS,
    1,000 users: power-law matrix with 500,000 items in 2,048 lists, then Gowalla with 40,981 in
    256, then MovieLens 1M with 3,706 in 64:

    - this one 0.14 %, 2.8 %, 31 %; the same by ``q . mean`` alone 5.6 %, 11.6 %, 34 %;
    - vectors augmented with ``sqrt(M**2 - |y|**2)`` (Bachrach et al. 2014) 0.26 %, 4.7 %, 34 %,
      with the order above 0.13 %, 2.8 %, 31 %: no better, at the cost of a dimension;
    - divided by ``|y|**0.5``, as the graph is linked, with that order 0.30 %, 5.6 %, 35 %;
    - directions alone (spherical k-means) with that order 8.0 %, 19.8 %, 43 %, by the inner
      product with the centroid more than 15 %, 76 %, 74 %;
    - lists given by the largest inner product, FAISS's own way: 0.95 at 69 %; 100 %; 77 %, since
      the longest centroid draws nearly all items.
    """

    kind = "ivf"
    _type = "IndexIVFFlat"

    _coarse: Any
    _counts: Ints
    _sums: NDArray[np.float64]
    _squares: NDArray[np.float64]

    def __init__(
        self,
        factors: ArrayLike,
        *,
        lists: int | None = None,
        nprobe: int | None = None,
        num_threads: int = 0,
        seed: int = 0,
    ) -> None:
        vectors = some_vectors(factors)
        size = len(vectors)
        wanted = max(1, min(round(3 * math.sqrt(size)), size // 8)) if lists is None else lists
        wanted = check_count(wanted, "lists")
        if wanted > size:
            raise InvalidInputError(f"lists is {wanted}, expected at most one an item: {size}")
        self._lists = wanted
        self.nprobe = check_count(max(8, wanted // 16) if nprobe is None else nprobe, "nprobe")
        faiss = faiss_module()
        with faiss_threads(faiss, check_threads(num_threads)):
            sample = _sample(vectors, _POINTS * wanted, seed)
            quantizer = faiss.IndexFlatL2(vectors.shape[1])
            quantizer.add(_centroids(faiss, sample, wanted, seed))
            index = self._empty(faiss, quantizer, vectors.shape[1])
            quantizer.this.disown()  # the lists free it
            index.own_fields = True
            index.train(sample)
            self._start(index)
            self._put(index, vectors)
        self._vectors = vectors

    def _empty(self, faiss: Any, quantizer: Any, factors: int) -> Any:
        return faiss.IndexIVFFlat(quantizer, factors, self._lists, faiss.METRIC_INNER_PRODUCT)

    def _start(self, index: Any) -> None:
        self._index = index
        self._counts = np.zeros(self._lists, dtype=np.int64)
        self._sums = np.zeros((self._lists, int(index.d)), dtype=np.float64)
        self._squares = np.zeros(self._lists, dtype=np.float64)

    def _put(self, index: Any, more: Floats) -> None:
        """Add `more` to the lists of `index`, and to what is known of them."""
        lists = faiss_module().downcast_index(index.quantizer).search(more, 1)[1][:, 0]
        index.add(more)
        for factor in range(more.shape[1]):
            self._sums[:, factor] += np.bincount(lists, more[:, factor], self._lists)
        squares = np.einsum("ij,ij->i", more, more, dtype=np.float64)
        self._squares += np.bincount(lists, squares, self._lists)
        self._counts += np.bincount(lists, minlength=self._lists)
        self._order()

    def _order(self) -> None:
        """Make anew what the lists are chosen by."""
        counts = np.maximum(self._counts, 1)
        means = self._sums / counts[:, None]
        inside = self._squares / counts - np.einsum("ij,ij->i", means, means)
        spread = (_SPREADS * np.sqrt(np.maximum(inside, 0.0))).astype(np.float32)
        spread[self._counts == 0] = _EMPTY
        self._coarse = faiss_module().IndexFlatIP(means.shape[1] + 1)
        self._coarse.add(np.column_stack([means.astype(np.float32), spread]))

    @property
    def lists(self) -> int:
        """Number of lists."""
        return self._lists

    @property
    def bytes(self) -> int:
        """Memory of vectors, lists and centroids, mapped or not."""
        centroids = self._lists * (20 * self.factors + 20)
        return int(self._vectors.nbytes) + centroids + self.size * (8 + int(self._index.code_size))

    def knobs(self) -> tuple[Knob, ...]:
        """``nprobe``, the lists that a query looks into."""
        return (Knob("nprobe", 1, self._lists),)

    def _fetch(self, x: Floats, fetch: int, selector: Any, allowed: int) -> tuple[Floats, Ints]:
        # A shorter list is cut from one of the length that the probing was tuned for.
        usual = _USUAL if self.tuned is None else self.tuned.n
        fetch = min(max(fetch, usual), allowed)
        probes = self._probes(x, fetch / usual, allowed)
        scores, ids = self._probe(x, fetch, selector, probes)
        short = np.flatnonzero(ids[:, -1] == NO_ROW)
        if len(short) and probes < self._lists:  # small lists: farther, before the exact search
            farther = min(self._lists, 4 * probes)
            scores[short], ids[short] = self._probe(x[short], fetch, selector, farther)
        return scores, ids

    def _probes(self, x: Floats, longer: float, allowed: int) -> int:
        """Lists to look into: longer answers, and filters, take more items in proportion."""
        more = max(1.0, longer) * self.size / allowed
        if more == 1.0:
            return min(self.nprobe, self._lists)
        _, lists = self._promise(x[:_LOOKED_AT], self._lists)
        items = np.cumsum(self._counts[lists], axis=1).mean(axis=0)
        wanted = more * items[min(self.nprobe, self._lists) - 1]
        return min(self._lists, int(np.searchsorted(items, wanted)) + 1)

    def _promise(self, x: Floats, probes: int) -> tuple[Floats, Ints]:
        lengths = np.sqrt(np.einsum("ij,ij->i", x, x))
        promise, lists = self._coarse.search(np.column_stack([x, lengths]), probes)
        return promise, lists

    def _probe(self, x: Floats, fetch: int, selector: Any, probes: int) -> tuple[Floats, Ints]:
        faiss = faiss_module()
        promise, lists = self._promise(x, probes)
        scores = np.empty((len(x), fetch), dtype=np.float32)
        ids = np.empty((len(x), fetch), dtype=np.int64)
        parameters = faiss.SearchParametersIVF(sel=selector, nprobe=probes)
        pointers = [faiss.swig_ptr(array) for array in (lists, promise, scores, ids)]
        self._index.search_preassigned_c(
            len(x), faiss.swig_ptr(x), fetch, *pointers, False, parameters
        )
        return scores, ids

    def _append(self, more: Floats) -> None:
        # Copies are what grows: an interrupt leaves this index as it was.
        grown = type(self).__new__(type(self))
        grown._lists, grown._index = self._lists, in_memory(self._index)
        grown._counts, grown._squares = self._counts.copy(), self._squares.copy()
        grown._sums = self._sums.copy()
        grown._put(grown._index, more)
        grown._vectors = np.concatenate([self._vectors, more])
        self.__dict__.update(grown.__dict__)

    def _settings(self) -> dict[str, Any]:
        return {"lists": self._lists, **super()._settings()}

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {
            "vectors": self._vectors,
            "counts": self._counts,
            "sums": self._sums,
            "squares": self._squares,
        }

    @classmethod
    def load(cls: type[_Ivf], path: str | os.PathLike[str], mmap: bool = True) -> _Ivf:
        """Open a saved index; see :meth:`recsys.retrieval.ExactIndex.load`.

        Vectors and lists are mapped; 4-bit codes, an eighth of a byte a factor, are read.
        """
        folder = Path(path)
        index, manifest = read_faiss(folder, cls.kind, cls._type, mmap)
        beside = part_path(folder, manifest, "vectors")
        tensors, _ = read_tensors(beside, mmap=mmap)
        loaded = cls.__new__(cls)
        loaded._lists = int(index.nlist)
        loaded._start(index)
        loaded._vectors = checked_vectors(tensors, manifest, beside)
        for name in ("counts", "sums", "squares"):
            blank = getattr(loaded, f"_{name}")
            found = tensors.get(name)
            if found is None or (found.dtype, found.shape) != (blank.dtype, blank.shape):
                raise ModelFormatError(
                    f"{beside} is damaged: expected {name} of {blank.dtype}, shape {blank.shape}; "
                    "build the index again"
                )
            setattr(loaded, f"_{name}", np.array(found))
        loaded._order()
        loaded.nprobe = max(8, loaded._lists // 16)
        loaded._restore(manifest, folder)
        return loaded


class FaissIvfPqIndex(FaissIvfIndex):
    """Lists of 4-bit codes (FAISS fast scan), the best of which are scored again exactly.

    Parameters
    ----------
    factors, lists, nprobe, num_threads, seed
        As for :class:`FaissIvfIndex`; the lists hold a quarter of a byte a factor instead of
        copies.
    depth : int
        Times as many items as wanted are fetched by their codes and scored again.

    Raises
    ------
    InvalidInputError
        Not a matrix of finite numbers, without rows, or a parameter out of range.

    Notes
    -----
    Two factors share a code of 4 bits (Jegou et al. 2011; Andre et al. 2015 for the scan). Codes
    are of the vectors themselves, so that they do not depend on the list. Where few items are
    scanned, as with trained factors, :class:`FaissIvfIndex` is faster and this one smaller.
    """

    kind = "ivfpq"
    _type = "IndexIVFPQFastScan"

    def __init__(
        self,
        factors: ArrayLike,
        *,
        lists: int | None = None,
        nprobe: int | None = None,
        depth: int = 16,
        num_threads: int = 0,
        seed: int = 0,
    ) -> None:
        self.depth = check_count(depth, "depth")
        super().__init__(factors, lists=lists, nprobe=nprobe, num_threads=num_threads, seed=seed)

    def _empty(self, faiss: Any, quantizer: Any, factors: int) -> Any:
        parts = factors // 2 if factors % 2 == 0 else factors
        index = faiss.IndexIVFPQFastScan(
            quantizer, factors, self._lists, parts, 4, faiss.METRIC_INNER_PRODUCT
        )
        index.by_residual = False
        index.pq.cp.min_points_per_centroid = 1
        return index

    def knobs(self) -> tuple[Knob, ...]:
        """``nprobe``, and ``depth``, the items scored again for each one wanted."""
        return (*super().knobs(), Knob("depth", 1, 64))

    def _probe(self, x: Floats, fetch: int, selector: Any, probes: int) -> tuple[Floats, Ints]:
        wide = min(fetch * self.depth, self.size)
        scores = np.empty((len(x), fetch), dtype=np.float32)
        ids = np.empty((len(x), fetch), dtype=np.int64)
        step = max(1, BLOCK_CELLS // wide)
        for start in range(0, len(x), step):
            block = slice(start, start + step)
            _, found = super()._probe(x[block], wide, selector, probes)
            scores[block], ids[block] = self._rescored(x[block], found, fetch)
        return scores, ids

    def _rescored(self, x: Floats, ids: Ints, fetch: int) -> tuple[Floats, Ints]:
        """Return the `fetch` best of `ids` by exact scores; a missing one stands last."""
        faiss = faiss_module()
        scores = np.empty(ids.shape, dtype=np.float32)
        faiss.fvec_inner_products_by_idx(
            faiss.swig_ptr(scores), faiss.swig_ptr(x), faiss.swig_ptr(self._vectors),
            faiss.swig_ptr(ids), self.factors, *ids.shape,
        )  # fmt: skip
        scores[ids == NO_ROW] = NO_SCORE
        if fetch < ids.shape[1]:
            best = np.argpartition(-scores, fetch - 1, axis=1)[:, :fetch]
            scores = np.take_along_axis(scores, best, axis=1)
            ids = np.take_along_axis(ids, best, axis=1)
            last = np.argmin(scores, axis=1)[:, None]
            _swap_last(scores, last)
            _swap_last(ids, last)
        return scores, ids


def _swap_last(values: NDArray[Any], place: Ints) -> None:
    moved = np.take_along_axis(values, place, axis=1)
    np.put_along_axis(values, place, values[:, -1:].copy(), axis=1)
    values[:, -1:] = moved


def _sample(vectors: Floats, most: int, seed: int) -> Floats:
    """Return vectors to train with: all, or so many; 16 at least, which a code of 4 bits needs."""
    if len(vectors) < 16:
        return np.resize(vectors, (16, vectors.shape[1]))
    if len(vectors) <= most:
        return vectors
    return vectors[np.random.default_rng(seed).choice(len(vectors), most, replace=False)]


def _centroids(faiss: Any, sample: Floats, lists: int, seed: int) -> Floats:
    kmeans = faiss.Kmeans(
        sample.shape[1], lists, niter=_SWEEPS, seed=seed + 1,
        min_points_per_centroid=1, max_points_per_centroid=_POINTS,
    )  # fmt: skip
    kmeans.train(sample)
    centroids: Floats = kmeans.centroids
    return centroids
