"""Forgetting a user: what is removed, where, and what is left to others.

The user's id, interactions and factor go; every other number stays as it is, bit for bit, so that
nobody else's recommendations change. What the item factors learned from the user among all others
stays until the next fit, which then has to be without them.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp

from recsys.errors import AlsatianError, InputNotFoundError, JobConflictError
from recsys.ids import IdMap
from recsys.interactions import Interactions

if TYPE_CHECKING:
    from recsys.batch.store import Store
    from recsys.recommender import Recommender

P = ParamSpec("P")
T = TypeVar("T")

_forgetting = threading.Lock()
_REFIT = (
    "item factors keep what they learned from all users together until the next fit: take the user "
    "out of the events before it"
)

_REOPEN = "processes that have the model folder open hold the old model until they open it again"


@dataclass(frozen=True)
class Removal:
    """Something that was removed.

    Attributes
    ----------
    where : str
        The place: a store, the model in memory, a model folder.
    what : str
        ``"interactions"``, ``"evidence"`` and the like.
    count : int
        How many, >= 0.
    """

    where: str
    what: str
    count: int


@dataclass(frozen=True)
class Receipt:
    """What was removed of a user. It holds no personal data, not even the id.

    Attributes
    ----------
    removed : tuple of Removal
        In the order it was done; places where nothing was found say 0.
    remains : tuple of str
        Places that may still hold something of the user, and what to do there.
    notes : tuple of str
        What was not searched, or cannot be undone without another fit.
    """

    removed: tuple[Removal, ...] = ()
    remains: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing of the user is left in the places that were searched."""
        return not self.remains

    @property
    def total(self) -> int:
        """How much was removed in all."""
        return sum(removal.count for removal in self.removed)

    def __add__(self, other: Receipt) -> Receipt:
        return Receipt(
            self.removed + other.removed,
            tuple(dict.fromkeys(self.remains + other.remains)),
            tuple(dict.fromkeys(self.notes + other.notes)),
        )

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "complete": self.complete,
            "removed": [asdict(removal) for removal in self.removed],
            "remains": list(self.remains),
            "notes": list(self.notes),
        }

    def describe(self) -> str:
        """The same in a few lines for people."""
        lines = [f"{one.where}: {one.count:,} {one.what}" for one in self.removed]
        lines += [f"remains: {text}" for text in self.remains]
        return "\n".join(lines + [f"note: {text}" for text in self.notes])


def steady(
    method: Callable[Concatenate[Recommender, P], T],
) -> Callable[Concatenate[Recommender, P], T]:
    """Make a method of a recommender see it as it was before a user is forgotten, or after.

    A method that looks up a row and then reads it would else meet another user there, where
    another thread removed a row in between. Its result is thrown away then and made again.
    """

    @functools.wraps(method)
    def whole(self: Recommender, *args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            edition = self.edition
            if edition % 2:  # a removal is under way
                time.sleep(0)
                continue
            try:
                result = method(self, *args, **kwargs)
            except Exception:
                if self.edition == edition:
                    raise
                continue
            if self.edition == edition:
                return result

    return whole  # type: ignore[return-value]  # the name of self is kept


def forget_in_memory(recommender: Recommender, user: Any) -> Receipt:
    """Remove a user from an open recommender; see :meth:`Recommender.forget`."""
    where = "model in memory"
    with _forgetting:
        row = int(recommender.users.find([user])[0])
        if row < 0:
            return Receipt(_counts(where, 0, 0), notes=(_REFIT,))
        events, model = recommender.interactions, recommender.model
        smaller = without_user(events, row)
        factors = np.delete(np.asarray(model.user_factors), row, axis=0)
        weights = model.user_weights
        recommender.edition += 1
        try:
            model.user_factors = factors
            if weights is not None:
                model.user_weights = np.delete(np.asarray(weights), row)
            recommender.interactions = smaller
            recommender.fingerprint = ""  # it is no longer what was saved
        finally:
            recommender.edition += 1
    return Receipt(_counts(where, 1, events.nnz - smaller.nnz), notes=(_REFIT,))


def forget_in_folder(folder: str | os.PathLike[str], user: Any) -> Receipt:
    """Remove a user from a saved model.

    Every file is written anew beside the old ones and the manifest renamed at the end: whoever
    opens the folder finds the old model or the new one, each whole. Files that an earlier save
    left behind go as well.

    Parameters
    ----------
    folder : path-like
        Model folder.
    user : Any
        Outside id.

    Returns
    -------
    Receipt

    Raises
    ------
    InputNotFoundError
        There is no model.
    ModelFormatError
        It is damaged, or of a newer format.
    JobConflictError
        Another process writes it.
    StorageError
        The disk refuses.
    """
    from recsys import model_folder
    from recsys.recommender import Recommender

    path = Path(folder)
    where = f"model folder {path}"
    saved = Recommender.load(path)
    receipt = forget_in_memory(saved, user)
    if not receipt.total:
        left = model_folder.sweep(path)
        more = (Removal(where, "files of earlier saves", left),) if left else ()
        return Receipt(_counts(where, 0, 0) + more, notes=receipt.notes)
    saved.save(path)
    return _of_folder(receipt, path)


def forget_in_lists(out: str | os.PathLike[str], user: Any) -> Receipt:
    """Remove a user's rows from the output of a batch job.

    Parts that hold the user are written anew, each whole, and then the manifest with their
    checksums.

    Parameters
    ----------
    out : path-like or str
        Output folder, or a URI of an object store.
    user : Any
        Outside id.

    Returns
    -------
    Receipt

    Raises
    ------
    InputNotFoundError
        There is no such output.
    JobConflictError
        It holds something else, or a job that is not finished.
    StorageError
        The disk or the store refuses.
    """
    from recsys.batch.manifest import Manifest
    from recsys.batch.store import open_store

    store = open_store(out)
    manifest = Manifest.read(store)
    if manifest is None:
        raise InputNotFoundError(
            f"{store.uri} holds no output of a batch job; give a folder that "
            "'alsatian recommend' wrote"
        )
    if not manifest.committed:
        raise JobConflictError(
            f"{store.uri} holds a job that is not finished; let it finish, or remove the folder"
        )
    where, counts = f"lists in {store.uri}", {"rows of lists": 0, "rows beside them": 0}
    with store.door():
        for number, part in list(manifest.parts.items()):
            files, rows = [], part.rows
            for file in part.files:
                gone, file = _without_rows(store, file, user)
                is_list = file.name == part.name
                counts["rows of lists" if is_list else "rows beside them"] += gone
                rows -= gone if is_list else 0
                files.append(file)
            manifest.parts[number] = replace(part, rows=rows, files=tuple(files))
        if sum(counts.values()):
            manifest.write(store)
    return Receipt(tuple(Removal(where, what, count) for what, count in counts.items()))


def forget_everywhere(
    recommender: Recommender, user: Any, lists: tuple[str | os.PathLike[str], ...] = ()
) -> Receipt:
    """Remove a user from a recommender, its folder and its lists; see :meth:`Recommender.forget`.

    What one place refuses is told in ``remains`` and keeps nothing else from being removed.
    """
    folder, before = recommender.folder, recommender.fingerprint
    receipt = forget_in_memory(recommender, user)
    if folder is not None:
        rewrite = functools.partial(_forget_in_own_folder, recommender, folder, user, before)
        receipt += attempt(f"model folder {folder}", lambda: rewrite(receipt))
    for out in lists:
        receipt += attempt(f"lists in {out}", functools.partial(forget_in_lists, out, user))
    if not lists:
        receipt += Receipt(notes=("output of batch jobs was not searched; name its folders",))
    return receipt


def attempt(where: str, remove: Callable[[], Receipt]) -> Receipt:
    """What `remove` returns; where it fails, a receipt that says so."""
    try:
        return remove()
    except InputNotFoundError:
        return Receipt(notes=(f"{where}: nothing is there",))
    except AlsatianError as error:
        return Receipt(remains=(f"{where}: {error}",))


def without_user(events: Interactions, row: int) -> Interactions:
    """Interactions without the user in `row`; the items, and all other rows, stay as they are."""
    matrix = events.matrix
    begin, end = (int(at) for at in matrix.indptr[row : row + 2])
    kept = np.r_[0:row, row + 1 : events.n_users]
    indptr = np.delete(matrix.indptr, row + 1)
    indptr[row + 1 :] -= end - begin
    smaller = sp.csr_matrix(
        (_cut(matrix.data, begin, end), _cut(matrix.indices, begin, end), indptr),
        shape=(events.n_users - 1, events.n_items),
    )
    smaller.has_canonical_format = True
    times = events.timestamps
    return Interactions(
        IdMap(events.users.take(kept), "user"),
        events.items,
        smaller,
        None if times is None else _cut(times, begin, end),
    )


def _forget_in_own_folder(
    recommender: Recommender, folder: Path, user: Any, before: str, receipt: Receipt
) -> Receipt:
    """Rewrite the folder from memory where both held the same model, else by itself."""
    from recsys import model_folder

    is_same = bool(before) and model_folder.saved_fingerprint(folder) == before
    if not (is_same and receipt.total):
        return forget_in_folder(folder, user)
    recommender.save(folder)
    return _of_folder(receipt, folder)


def _of_folder(receipt: Receipt, folder: Path) -> Receipt:
    where = f"model folder {folder}"
    return Receipt(
        tuple(replace(one, where=where) for one in receipt.removed), notes=(*receipt.notes, _REOPEN)
    )


def _cut(values: Any, begin: int, end: int) -> Any:
    return np.concatenate([values[:begin], values[end:]])


def _counts(where: str, users: int, interactions: int) -> tuple[Removal, ...]:
    return (
        Removal(where, "user ids", users),
        Removal(where, "interactions", interactions),
        Removal(where, "user factors", users),
        Removal(where, "index entries", 0),  # indexes are over items
    )


def _without_rows(store: Store, file: Any, user: Any) -> tuple[int, Any]:
    """Rewrite a file of a part without the user; how many rows went, and the file as it is now."""
    from recsys.batch.manifest import File
    from recsys.batch.memory import GROUP_ROWS
    from recsys.storage import sha256_file

    content = store.read(file.name)
    if content is None:
        return 0, file
    table = pq.read_table(pa.BufferReader(content))
    ids = table.column("user_id")
    wanted = IdMap(pc.unique(ids), "user").find([user])
    if wanted[0] < 0:
        return 0, file
    mine = pc.equal(ids, pc.unique(ids)[int(wanted[0])])
    kept = table.filter(pc.invert(mine))
    with store.staged(file.name) as path:
        pq.write_table(kept, path, compression="zstd", row_group_size=GROUP_ROWS)
        new = File(file.name, path.stat().st_size, sha256_file(path))
    return table.num_rows - kept.num_rows, new
