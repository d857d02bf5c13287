"""Exact maximum inner product search: a native blocked product fused with selection."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from recsys.errors import InvalidInputError
from recsys.retrieval import _topn
from recsys.retrieval.base import Hits, allocate, check_threads, check_vectors, described
from recsys.retrieval.files import load_vectors, save_vectors
from recsys.retrieval.removal import Removable
from recsys.retrieval.request import Request, check_request

#: From how many queries on the whole numbers of the items are worth making.
PRESELECT_FROM = 32


def top_n(
    queries: ArrayLike,
    items: ArrayLike,
    n: int,
    *,
    exclude: csr_matrix | None = None,
    allow: ArrayLike | None = None,
    deny: ArrayLike | None = None,
    num_threads: int = 0,
    simd: str = "",
    preselect: bool | None = None,
) -> Hits:
    """Return the `n` items with the highest inner product for each query, exactly.

    The product is computed in register tiles and compared with each query's n-th best score so
    far on the spot, so that scores never go to memory: :func:`workspace_bytes` tells what is
    needed beside the result. Excluded rows are left out inside the search, not afterwards. The
    GIL is released, and Ctrl-C is honoured.

    For more than a few queries the product is first taken in whole numbers of 16 bits, twice as
    many at a time as in float32, over the items in order of their length: what rounding can have
    taken off is known beforehand, so whatever may belong to a list is kept and then scored in
    float32, and a query is done where even the longest item left could not reach its list
    (Teflioudi et al. 2015, "LEMP", section 3.1). The answer is the same, bit for bit.

    Parameters
    ----------
    queries : array-like, shape (q, factors)
        Finite values; other types than float32 are converted.
    items : array-like, shape (size, factors)
        Finite values.
    n : int
        Rows wanted for each query, at least 1.
    exclude : csr_matrix, shape (q, size), optional
        Its stored entries are never returned for their query.
    allow, deny : array-like of int, optional
        Only these rows; not these rows. `deny` wins.
    num_threads : int
        0 means every processor this process may run on. The result does not depend on it.
    simd : str
        Variant of the kernel, one of :func:`simd_variants`; empty means the one named by the
        environment variable ``ALSATIAN_SIMD``, else the fastest.
    preselect : bool, optional
        Whether to go by whole numbers first; None decides by the number of queries.

    Returns
    -------
    Hits
        Higher score first, of equal scores the lower row first. A score is accumulated in float32
        in the order of the factors, so its bits depend on nothing but its query, its item and the
        variant. Products that overflow to NaN or -inf are never returned.

    Raises
    ------
    InvalidInputError
        A parameter is of the wrong shape, out of range, or not finite; an unknown variant.
    CapacityError
        The result does not fit into memory.

    Examples
    --------
    >>> hits = top_n([[1.0, 0.0]], [[1.0, 5.0], [3.0, 0.0], [3.0, 9.0]], n=4)
    >>> hits.ids.tolist(), hits.counts.tolist()
    ([[1, 2, 0, -1]], [3])
    """
    vectors = check_vectors(items, "items")
    request = check_request(
        vectors.shape,
        queries,
        n,
        exclude=exclude,
        allow=allow,
        deny=deny,
        num_threads=num_threads,
    )
    if preselect is None:
        preselect = len(request.queries) >= PRESELECT_FROM
    catalogue = _prepare(vectors, request.rows, request.threads, simd) if preselect else None
    return _search(vectors, request, catalogue, simd)


def workspace_bytes(n: int, factors: int, num_threads: int = 0, *, size: int = 0) -> int:
    """Return an upper bound of the memory that :func:`top_n` needs beside its arguments and result.

    Parameters
    ----------
    n : int
        Rows wanted for each query, or the number of items where that is less.
    factors : int
        Length of a vector.
    num_threads : int
        Threads of the search; 0 means every processor this process may run on.
    size : int
        Number of items, which are held as whole numbers beside the vectors.

    Returns
    -------
    int
        Bytes.

    Examples
    --------
    >>> workspace_bytes(20, 64, 2) < 32 * 1024**2
    True
    """
    threads = check_threads(num_threads) or usable_processors()
    mebibyte = 1024**2
    # The constants of native/lists.cpp: blocks of 2,048 queries, each with 2 n keys of 8 bytes,
    # within 16 MiB a thread and 64 MiB in all (but at least 1 MiB and 16 queries a thread); panels
    # of 128 KiB or two; lists to merge.
    room = min(max(64 * mebibyte // threads, mebibyte), 16 * mebibyte)
    key_bytes = 8 * (n + max(n, 32) + 16)
    keys = min(2048 * key_bytes, max(room, 16 * key_bytes))
    panels = max(mebibyte // 8, 2 * 32 * factors * 4)
    # Whole numbers, row and length of an item; its key while they are sorted.
    whole = (size + 32) * (2 * (factors + 1) + 16)
    return (
        threads * (keys + 2048 * (factors * 4 + 128) + panels + 64 * 1024) + 16 * mebibyte + whole
    )


def usable_processors() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def simd_variants() -> list[str]:
    """Return the kernel variants that this build holds and this processor runs, slowest first."""
    return _topn.simd_variants()


def simd_in_use() -> str:
    """Return the variant used where none is named.

    Raises
    ------
    InvalidInputError
        ``ALSATIAN_SIMD`` names a variant that cannot run here.
    """
    try:
        return _topn.simd_in_use()
    except ValueError as error:
        raise InvalidInputError(f"ALSATIAN_SIMD: {error}") from error


def _prepare(
    vectors: NDArray[np.float32], rows: NDArray[np.int32] | None, threads: int, simd: str = ""
) -> _topn.Catalogue | None:
    """Make the whole numbers of `rows` of `vectors`; None where the variant has none."""
    try:
        return _topn.prepare(vectors, rows, threads, simd)
    except ValueError as error:
        raise InvalidInputError(str(error)) from error


def _search(
    vectors: NDArray[np.float32],
    request: Request,
    catalogue: _topn.Catalogue | None,
    simd: str = "",
) -> Hits:
    """Run the native search over trusted `vectors`."""
    shape = (len(request.queries), request.n)
    hits = Hits(
        allocate(shape, np.int32), allocate(shape, np.float32), allocate(shape[:1], np.int32)
    )
    offsets = indices = None
    if request.exclude is not None:
        offsets = np.ascontiguousarray(request.exclude.indptr, dtype=np.int64)
        indices = np.ascontiguousarray(request.exclude.indices, dtype=np.int32)
    try:
        _topn.search(
            request.queries,
            vectors,
            request.n,
            request.rows,
            offsets,
            indices,
            hits.ids,
            hits.scores,
            hits.counts,
            request.threads,
            simd,
            catalogue,
        )
    except ValueError as error:
        raise InvalidInputError(str(error)) from error
    return hits


class _Prepared:
    """The whole numbers of an index: made when they begin to pay, for all rows and for one filter.

    A search without them costs about as much for each query as making them does for 15.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered = 0
        self._simd = ""
        self._all: _topn.Catalogue | None = None
        self._some: tuple[NDArray[np.int32], _topn.Catalogue | None] | None = None

    def catalogue(self, vectors: NDArray[np.float32], request: Request) -> _topn.Catalogue | None:
        """What to search `request` with; None for a plain search."""
        with self._lock:
            simd = simd_in_use()
            if simd != self._simd:
                self._simd, self._all, self._some = simd, None, None
            self._answered += len(request.queries)
            rows = request.rows
            if rows is None:
                if self._all is None and self._answered >= PRESELECT_FROM:
                    self._all = _prepare(vectors, None, request.threads)
                return self._all
            if self._some is not None and np.array_equal(self._some[0], rows):
                return self._some[1]
            if len(request.queries) < PRESELECT_FROM:
                return None
            self._some = (rows, _prepare(vectors, rows, request.threads))
            return self._some[1]


class ExactIndex(Removable):
    """Exact search over item vectors, held as they are: nothing is built, nothing is copied.

    Parameters
    ----------
    factors : array-like, shape (size, factors)
        Item vectors, finite. Contiguous float32 (a memory map as well) is used in place and must
        not be changed afterwards.

    Raises
    ------
    InvalidInputError
        Not a matrix of finite numbers.

    Examples
    --------
    >>> index = ExactIndex([[1.0, 0.0], [0.0, 2.0]])
    >>> index.search([[1.0, 1.0]], n=1, deny=[1]).ids.tolist()
    [[0]]
    """

    kind = "exact"

    def __init__(self, factors: ArrayLike) -> None:
        self.vectors = check_vectors(factors, "item factors")
        self._prepared = _Prepared()

    @property
    def size(self) -> int:
        """Number of item rows, removed ones included."""
        return len(self.vectors)

    @property
    def factors(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

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
        """Return the `n` best rows of each query, exactly: see :func:`top_n`.

        The whole numbers that the search goes by are made once, with the first few dozen queries,
        and kept: half the size of the vectors.
        """
        request = check_request(
            self.vectors.shape,
            queries,
            n,
            exclude=exclude,
            allow=allow,
            deny=self._denied(deny),
            num_threads=num_threads,
        )
        return _search(self.vectors, request, self._prepared.catalogue(self.vectors, request))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_prepared"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepared = _Prepared()

    @property
    def bytes(self) -> int:
        """Memory of the vectors, mapped or not."""
        return int(self.vectors.nbytes)

    @property
    def recall_(self) -> float:
        """1.0: every row is looked at."""
        return 1.0

    def add(self, vectors: ArrayLike) -> NDArray[np.int64]:
        """Append items: see :meth:`recsys.retrieval.Index.add`. The matrix is copied."""
        more = check_vectors(vectors, "vectors", self.factors)
        before = self.size
        self.vectors = np.concatenate([self.vectors, more])
        self._prepared = _Prepared()
        return np.arange(before, self.size)

    def describe(self) -> dict[str, Any]:
        """Return kind, sizes and recall, as JSON can hold them."""
        return described(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vectors as safetensors and a manifest into the folder `path`.

        Raises
        ------
        StorageError
            The disk refuses.
        """
        save_vectors(Path(path), self.vectors, kind=self.kind, removed=self.removed)

    @staticmethod
    def load(path: str | os.PathLike[str], mmap: bool = True) -> ExactIndex:
        """Open a saved index.

        Parameters
        ----------
        path : path-like
            Folder that :meth:`save` wrote.
        mmap : bool
            Map the vectors instead of reading them: processes share them, and they may be larger
            than memory.

        Raises
        ------
        InputNotFoundError
            There is no such folder.
        ModelFormatError
            It is damaged, of another kind, or newer than this version.
        """
        index = ExactIndex.__new__(ExactIndex)
        index.vectors, index._removed = load_vectors(Path(path), kind=ExactIndex.kind, mmap=mmap)
        index._prepared = _Prepared()
        return index
