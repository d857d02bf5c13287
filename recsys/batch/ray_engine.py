"""The Ray engine: parts as tasks on a cluster, the model once on each machine.

The driver puts the model's arrays into Ray's object store; a machine fetches them once, and its
processes map them. A process that dies, or a machine, costs the parts it was writing: they are
written again elsewhere, and since a part is renamed into place when it is whole, no half of one is
ever seen. All machines must see the output folder (or it is an object store such as S3).
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.als import AlternatingLeastSquares, csr_over
from recsys.als.config import ALSConfig, whole_number
from recsys.batch.local import write_part
from recsys.batch.manifest import Part
from recsys.batch.plan import JobPlan
from recsys.catalogue import Catalogue
from recsys.cluster import RETRIES, Need, connected
from recsys.ids import IdMap
from recsys.interactions import Interactions
from recsys.retrieval import Index, load_index

if TYPE_CHECKING:
    from recsys.recommender import Recommender

# What a process holds beside the work space: interpreter, libraries, buffers.
_PROCESS_BYTES = 256 * 1024**2
_MADE_FROM_FACTORS = ("exact", "flat")

# The job that this process of a cluster works at, under the reference of what it was made from.
_open: dict[str, JobPlan] = {}


def run_ray(
    plan: JobPlan,
    numbers: Iterable[int],
    *,
    address: str | None = None,
    cpus: int = 1,
    retries: int = RETRIES,
) -> Iterator[Part]:
    """Write the parts `numbers` of `plan` on a Ray cluster; see :data:`recsys.batch.local.Engine`.

    Parameters
    ----------
    plan : JobPlan
        The job. Every machine has to see its output under the same name.
    numbers : iterable of int
        Which parts; they are taken as there is room for them.
    address : str, optional
        Of the cluster; see :func:`recsys.cluster.connected`.
    cpus : int
        Processors of a task, >= 1, and threads of its search. A task takes the job's work space in
        memory as well, so fewer tasks with more processors each take less memory.
    retries : int
        How often a part is begun again after its process or its machine died, >= 0.

    Yields
    ------
    Part
        As they finish.

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    ClusterError
        The cluster cannot be reached, has no room for a task, or lost a part too often. Parts that
        are finished stay valid.
    StorageError
        A disk refuses.

    Notes
    -----
    The object store of each machine holds the model: factors, interactions, ids and item table. A
    process maps it and adds the job's work space; beside that, the factors of the items once more
    where some items are cold, and what the index copies (``"flat"`` and ``"hnsw"`` all of them).
    """
    need = Need(whole_number("cpus", cpus, 1), plan.work_bytes + _PROCESS_BYTES)
    retries = whole_number("retries", retries, 0)
    waiting = iter(numbers)
    first = next(waiting, None)
    if first is None:  # there may be nothing to do, as others did it: no cluster for that
        return
    with connected(address) as cluster:
        cluster.slots(need)  # told before the model is moved
        shared = cluster.share(SharedJob.of(plan))
        start = cluster.task(write_shared_part, need, retries)

        def submit(number: int) -> Any:
            # In a list, Ray hands the reference over, not what it stands for: that is opened once.
            return start(None, [shared], number, need.cpus)

        written: set[str] = set()
        for _, part in cluster.gathered(submit, itertools.chain([first], waiting), need, "part"):
            written |= {file.name for file in part.files}
            yield part
    _sweep(plan, written)


def _sweep(plan: JobPlan, written: set[str]) -> None:
    """Remove what tasks that died left beside the files that others wrote in their stead."""
    for name in plan.store.names():
        final, _, ending = name.rpartition(".")[0].rpartition(".")
        if name.endswith(".tmp") and final in written and ending:
            plan.store.remove(name)


def write_shared_part(shared: list[Any], number: int, threads: int) -> Part:
    """Write one part; this is what a task does."""
    reference = shared[0]
    key = reference.hex()
    if key not in _open:
        import ray

        _open.clear()
        _open[key] = ray.get(reference).open(threads)
    return write_part(_open[key], number)


@dataclass(frozen=True)
class SharedModel:
    """A recommender as arrays, which Ray's processes map where they lie.

    Attributes
    ----------
    config : ALSConfig
        Settings of the model.
    users, items : pyarrow.Array
        Outside ids.
    user_factors, item_factors, cold_factors : ndarray
        Factors: of users, of the items learned, of the items placed from their text.
    item_weights : ndarray of float32, or None
        Weights of the items' unobserved pairs.
    interactions : tuple of ndarray
        indptr, indices and data of the matrix.
    catalogue : tuple, or None
        Item table, its id column, roles and text columns.
    index : str or dict of str to ndarray of uint8
        Kind of an index that is made from the factors; the files of any other.
    fingerprint : str
        Of the model.
    """

    config: ALSConfig
    users: pa.Array
    items: pa.Array
    user_factors: NDArray[Any]
    item_factors: NDArray[Any]
    cold_factors: NDArray[np.float32]
    item_weights: NDArray[np.float32] | None
    interactions: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
    catalogue: tuple[pa.Table, str, dict[str, str], tuple[str, ...]] | None
    index: str | dict[str, NDArray[np.uint8]]
    fingerprint: str

    @classmethod
    def of(cls, recommender: Recommender) -> SharedModel:
        """Take a recommender apart; nothing is copied but an index that is no array."""
        model, matrix = recommender.model, recommender.interactions.matrix
        catalogue = recommender.catalogue
        return cls(
            config=model.config,
            users=recommender.users.ids,
            items=recommender.items.ids,
            user_factors=_plain(model.user_factors),
            item_factors=_plain(model.item_factors),
            cold_factors=_plain(recommender.cold_factors),
            item_weights=None if model.item_weights is None else _plain(model.item_weights),
            interactions=(_plain(matrix.indptr), _plain(matrix.indices), _plain(matrix.data)),
            catalogue=None
            if catalogue is None
            else (catalogue.table, catalogue.item_id, dict(catalogue.roles), tuple(catalogue.text)),
            index=_packed(recommender.index),
            fingerprint=recommender.fingerprint,
        )

    def open(self) -> Recommender:
        """Put the recommender together again, over the arrays as they lie."""
        from recsys.recommender import Recommender

        model = AlternatingLeastSquares(**self.config.to_dict())
        model.user_factors, model.item_factors = self.user_factors, self.item_factors
        model.item_weights = self.item_weights
        users, items = IdMap(self.users, "user"), IdMap(self.items, "item")
        learned = len(self.item_factors)
        indptr, indices, data = self.interactions
        matrix = csr_over(data, indices, indptr, (len(users), learned))
        matrix.has_canonical_format = True
        catalogue = None
        if self.catalogue is not None:
            table, item_id, roles, text = self.catalogue
            catalogue = Catalogue(table, item_id, roles=roles, text=text)
        return Recommender(
            Interactions(users, IdMap(self.items.slice(0, learned), "item"), matrix),
            model,
            items=items,
            cold_factors=self.cold_factors,
            index=_unpacked(self.index),
            catalogue=catalogue,
            fingerprint=self.fingerprint,
        )


@dataclass(frozen=True)
class SharedJob:
    """A plan, and its model apart from it."""

    plan: JobPlan
    model: SharedModel

    @classmethod
    def of(cls, plan: JobPlan) -> SharedJob:
        """Take the model out of a plan."""
        # What is pickled has no recommender: whoever opens it puts one in.
        alone = replace(plan, recommender=cast("Recommender", None))
        return cls(alone, SharedModel.of(plan.recommender))

    def open(self, threads: int) -> JobPlan:
        """The plan with its model, whose searches take so many threads."""
        recommender = self.model.open()
        recommender.num_threads = threads
        return replace(self.plan, recommender=recommender)


def _plain(array: Any) -> NDArray[Any]:
    """An array as such: a memory map would be pickled byte by byte."""
    return np.ascontiguousarray(np.asarray(array))


def _packed(index: Index) -> str | dict[str, NDArray[np.uint8]]:
    if index.kind in _MADE_FROM_FACTORS:
        return index.kind
    with tempfile.TemporaryDirectory() as folder:
        index.save(folder)
        return {file.name: np.fromfile(file, np.uint8) for file in Path(folder).iterdir()}


def _unpacked(index: str | dict[str, NDArray[np.uint8]]) -> Any:
    if isinstance(index, str):
        return index
    with tempfile.TemporaryDirectory() as folder:  # gone at once; what is mapped of it stays
        for name, content in index.items():
            content.tofile(Path(folder) / name)
        return load_index(folder)
