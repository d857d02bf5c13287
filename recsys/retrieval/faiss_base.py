"""What the FAISS indexes share: searching with exclusions, adding, removing, files.

FAISS is imported when the first index is made, not with this module.
"""

from __future__ import annotations

import contextlib
import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.errors import InvalidInputError, ModelFormatError, StorageError
from recsys.retrieval.base import (
    NO_ROW,
    NO_SCORE,
    Hits,
    check_vectors,
    described,
    empty_hits,
)
from recsys.retrieval.exact import top_n
from recsys.retrieval.files import open_index, save_index
from recsys.retrieval.removal import Removable
from recsys.retrieval.request import Request, check_request
from recsys.storage import atomic_write

#: Entries of one block of over-fetched results.
BLOCK_CELLS = 4_000_000


def faiss_module() -> Any:
    """Return FAISS, imported now if it was not."""
    import faiss  # 0.1 s and an OpenMP runtime: only where it is used

    return faiss


@contextlib.contextmanager
def faiss_threads(faiss: Any, number: int) -> Iterator[None]:
    """Let FAISS use `number` threads (0: as it stands) within the block only."""
    if number == 0:
        yield
        return
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(number)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


class FaissIndex(Removable):
    """What the FAISS indexes share: searching with exclusions, adding, removing, files."""

    kind = ""
    _index: Any
    _vectors: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Number of item rows, removed ones included."""
        return len(self._vectors)

    @property
    def factors(self) -> int:
        """Length of a vector."""
        return int(self._vectors.shape[1])

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Item vectors, shape (size, factors): a view, good until something is added."""
        return self._vectors

    @property
    @abstractmethod
    def bytes(self) -> int:
        """Memory that vectors and index take, mapped or not."""

    @property
    @abstractmethod
    def recall_(self) -> float | None:
        """Share of the exact answer that is found: 1.0, as measured by the tuning, or None."""

    def search(
        self,
        queries: ArrayLike,
        n: int,
        *,
        exclude: csr_matrix | None = None,
        allow: ArrayLike | None = None,
        deny: ArrayLike | None = None,
        num_threads: int = 0,
    ) -> Hits:
        """Return the `n` best rows of each query that the index finds.

        `allow` and `deny` become a FAISS selector, applied while it searches. What is excluded
        for one query alone is fetched on top and struck out; a query that comes up short of what
        the catalogue holds is searched again exactly, so that the counts are always exact.

        Parameters
        ----------
        queries : array-like, shape (q, factors)
            Finite values, taken as float32.
        n : int
            Rows wanted for each query, at least 1.
        exclude : csr_matrix, shape (q, size), optional
            Its stored entries are never returned for their query.
        allow, deny : array-like of int, optional
            Only these rows; not these rows. `deny` wins.
        num_threads : int
            OpenMP threads of this search; 0 leaves FAISS its own number.

        Returns
        -------
        Hits
            Scores are true inner products.

        Raises
        ------
        InvalidInputError
            A parameter is of the wrong shape, out of range, or not finite.
        """
        request = check_request(
            self._vectors.shape,
            queries,
            n,
            exclude=exclude,
            allow=allow,
            deny=self._denied(deny),
            num_threads=num_threads,
        )
        if len(request.queries) == 0 or request.allowed == 0:
            return empty_hits(len(request.queries), request.n)
        with faiss_threads(faiss_module(), request.threads):
            hits = self._search_allowed(request)
        return self._finish_short(request, hits)

    def _search_allowed(self, request: Request) -> Hits:
        x, n, excluded, allowed = request.queries, request.n, request.exclude, request.allowed
        hits = empty_hits(len(x), n)
        selector = None if request.rows is None else _selector(self.size, request.rows)
        # Queries that have seen about as many items are fetched together, so that one heavy user
        # does not make the fetch large for all.
        seen = np.zeros(len(x), dtype=np.int64) if excluded is None else np.diff(excluded.indptr)
        levels = np.ceil(np.log2(np.maximum(seen, 1))).astype(np.int64) + (seen > 0)
        for level in np.unique(levels):
            fetch = min(n + (0 if level == 0 else 1 << int(level - 1)), allowed)
            members = np.flatnonzero(levels == level)
            step = max(1, BLOCK_CELLS // fetch)
            for start in range(0, len(members), step):
                block = members[start : start + step]
                scores, ids = self._fetch(x[block], fetch, selector, allowed)
                if excluded is not None:
                    ids[_stored(excluded, block, ids)] = NO_ROW
                _keep_best(hits, block, scores, ids)
        return hits

    def _fetch(
        self, x: NDArray[np.float32], fetch: int, selector: Any, allowed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        scores, ids = self._index.search(
            x, fetch, params=self._parameters(fetch, selector, allowed)
        )
        return scores, ids

    def _parameters(self, fetch: int, selector: Any, allowed: int) -> Any:
        return None if selector is None else faiss_module().SearchParameters(sel=selector)

    def _finish_short(self, request: Request, hits: Hits) -> Hits:
        """Search again, exactly, for queries that came up short of what the catalogue holds."""
        n, excluded = request.n, request.exclude
        short = np.flatnonzero(hits.counts < min(n, request.allowed))
        if len(short) == 0:
            return hits
        exact = top_n(
            request.queries[short],
            self._vectors,
            n,
            exclude=None if excluded is None else excluded[short],
            allow=request.rows,
            num_threads=request.threads,
        )
        # Most are short because nothing is left for them; those keep what FAISS found.
        more = exact.counts > hits.counts[short]
        hits.ids[short[more]] = exact.ids[more]
        hits.scores[short[more]] = exact.scores[more]
        hits.counts[short[more]] = exact.counts[more]
        return hits

    def add(self, vectors: ArrayLike) -> NDArray[np.int64]:
        """Append items: see :meth:`recsys.retrieval.Index.add`.

        An index that was mapped from a file is copied into memory first.
        """
        more = check_vectors(vectors, "vectors", self.factors)
        before = self.size
        if len(more):
            self._append(more)
        return np.arange(before, self.size)

    @abstractmethod
    def _append(self, more: NDArray[np.float32]) -> None:
        """Put checked vectors, at least one, behind the last row."""

    def describe(self) -> dict[str, Any]:
        """Return kind, sizes, settings and measured recall, as JSON can hold them."""
        return {**described(self), **self._settings()}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write FAISS's own format and a manifest with its checksum into the folder `path`.

        Raises
        ------
        StorageError
            The disk refuses.
        """
        header = {
            "index": self.kind,
            "size": self.size,
            "factors": self.factors,
            "faiss": faiss_module().__version__,
            **self._settings(),
        }
        save_index(
            Path(path),
            header,
            ("index", ".faiss", self._write),
            removed=self.removed,
            vectors=self._tensors(),
        )

    def _settings(self) -> dict[str, Any]:
        return {}

    def _tensors(self) -> dict[str, NDArray[Any]] | None:
        """Return what has to be saved beside FAISS's file."""
        return None

    def _write(self, path: Path) -> None:
        with atomic_write(path) as temporary:
            try:
                faiss_module().write_index(self._index, os.fspath(temporary))
            except RuntimeError as error:
                reason = str(error).splitlines()[0]
                raise StorageError(
                    f"cannot write {path}: FAISS answered: {reason}; check that the disk has room"
                ) from error

    def _attach(self, index: Any) -> None:
        """Take `index`, and a view of the vectors in its storage."""
        faiss = faiss_module()
        storage = index if self.kind == "flat" else faiss.downcast_index(index.storage)
        size, factors = int(index.ntotal), int(index.d)
        self._index = index
        self._vectors = faiss.rev_swig_ptr(storage.get_xb(), size * factors).reshape(size, factors)


def in_memory(index: Any) -> Any:
    """Return a copy of a FAISS index that maps no file and can grow."""
    faiss = faiss_module()
    return faiss.deserialize_index(faiss.serialize_index(index))


def some_vectors(factors: ArrayLike) -> NDArray[np.float32]:
    """Return item vectors, checked, of which there has to be one."""
    vectors = check_vectors(factors, "item factors")
    if len(vectors) == 0:
        raise InvalidInputError(
            "item factors have no rows, and FAISS cannot index nothing; use ExactIndex"
        )
    return vectors


def read_faiss(folder: Path, kind: str, type_name: str, mmap: bool) -> tuple[Any, dict[str, Any]]:
    """Read FAISS's file in `folder`; return the index and the manifest that vouches for it."""
    faiss = faiss_module()
    manifest, path = open_index(folder, kind)
    try:
        index = faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP_IFC if mmap else 0)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ModelFormatError(
            f"{path} cannot be read ({reason}); build the index again"
        ) from error
    found = (type(index).__name__, int(index.ntotal), int(index.d), int(index.metric_type))
    expected = (
        type_name, manifest.get("size"), manifest.get("factors"), faiss.METRIC_INNER_PRODUCT,
    )  # fmt: skip
    if found != expected:
        raise ModelFormatError(
            f"{path} holds {found}, its manifest says {expected}; build the index again"
        )
    return index, manifest


def _selector(size: int, rows: NDArray[np.int32]) -> Any:
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    return faiss_module().IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def _stored(
    excluded: csr_matrix, queries: NDArray[np.int64], ids: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which of `ids` (line j: row ``queries[j]`` of `excluded`) are stored entries."""
    block = excluded[queries]
    width = excluded.shape[1]
    lines = np.repeat(np.arange(len(queries), dtype=np.int64), np.diff(block.indptr))
    stored = lines * width + block.indices  # ascending, as the matrix's indices are
    if len(stored) == 0:
        return np.zeros(ids.shape, dtype=np.bool_)
    # A line without a hit holds -1: it must not turn into the last item of the line before.
    wanted = np.arange(len(queries), dtype=np.int64)[:, None] * width + ids
    at = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
    found: NDArray[np.bool_] = (stored[at] == wanted) & (ids != NO_ROW)
    return found


def _keep_best(
    hits: Hits, queries: NDArray[np.int64], scores: NDArray[np.float32], ids: NDArray[np.int64]
) -> None:
    """Write the best of what was fetched into the lines `queries` of `hits`."""
    width = min(hits.ids.shape[1], ids.shape[1])
    scores = np.where((ids != NO_ROW) & (scores > NO_SCORE), scores, np.float32(NO_SCORE))
    ids = np.where(scores > NO_SCORE, ids, NO_ROW)
    order = np.lexsort((ids, -scores), axis=-1)[:, :width]
    best = np.take_along_axis(ids, order, axis=1)
    hits.ids[queries, :width] = best
    hits.scores[queries, :width] = np.take_along_axis(scores, order, axis=1)
    hits.counts[queries] = (best != NO_ROW).sum(axis=1)
