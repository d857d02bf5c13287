"""A saved recommender: a folder of safetensors and Parquet files under one manifest.

Files carry a token of their own save. A save writes new files beside the old ones, then renames the
manifest, then removes what the manifest no longer names: whoever opens the folder finds the old
model or the new one, each whole.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from recsys.als import AlternatingLeastSquares
from recsys.als.training import records_from
from recsys.catalogue import Catalogue
from recsys.content import Content, ContentEncoder
from recsys.errors import AlsatianError, JobConflictError, ModelFormatError
from recsys.ids import IdMap
from recsys.interactions import Interactions
from recsys.lock import folder_lock
from recsys.retrieval import load_index
from recsys.storage import (
    atomic_write,
    make_folder,
    read_json,
    read_manifest,
    read_tensors,
    write_manifest,
    write_tensors,
)

if TYPE_CHECKING:
    from recsys.recommender import Recommender

KIND = "alsatian-recommender"
VERSION = 1
MANIFEST = "manifest.json"
_TRIES = 10
# Left out of the fingerprint: names, and how long the sweeps took.
_NOT_THE_MODEL = ("parts", "files", "training")
_REBUILT = ("exact", "flat")  # made from the factors in no time, so not written
_OURS = re.compile(
    r"^(factors|interactions|content|users|items|catalogue|index)-[0-9a-f]{8}\b|^\.lock$"
)


def save(recommender: Recommender, folder: Path) -> str:
    """Write `recommender` into `folder` and return its fingerprint.

    Raises
    ------
    JobConflictError
        The folder holds something that is not a model.
    StorageError
        The disk refuses.
    """
    check_target(folder)
    make_folder(folder)
    with folder_lock(folder):
        return _write(recommender, folder)


def _write(recommender: Recommender, folder: Path) -> str:
    token = secrets.token_hex(4)
    names = {part: f"{part}-{token}.{ending}" for part, ending in _parts(recommender).items()}
    model, events = recommender.model, recommender.interactions
    tensors = {
        "user_factors": np.asarray(model.user_factors),
        "item_factors": np.asarray(model.item_factors),
        "cold_factors": recommender.cold_factors,
    }
    if model.item_weights is not None:
        tensors["item_weights"] = model.item_weights
    write_tensors(folder / names["factors"], tensors)
    write_tensors(folder / names["interactions"], _interaction_tensors(events))
    _write_parquet(folder / names["users"], pa.table({"id": recommender.users.ids}))
    _write_parquet(folder / names["items"], pa.table({"id": recommender.items.ids}))
    header: dict[str, Any] = {
        "kind": KIND,
        "version": VERSION,
        "parts": names,
        "model": asdict(model.config),
        "training": {"history": model.history_, "best_sweep": model.best_sweep_},
        "index": {"kind": recommender.index.kind},
    }
    if recommender.catalogue is not None:
        catalogue = recommender.catalogue
        _write_parquet(folder / names["catalogue"], catalogue.table)
        header["catalogue"] = {
            "item_id": catalogue.item_id,
            "roles": catalogue.roles,
            "text": list(catalogue.text),
        }
    if recommender.content is not None:
        write_tensors(folder / names["content"], {"vectors": recommender.content.item_vectors})
        header["content"] = {"encoder": recommender.content.encoder.model}
    if recommender.index.kind not in _REBUILT or recommender.index.removed.size:
        header["index"]["folder"] = f"index-{token}"
        recommender.index.save(folder / f"index-{token}")
    write_manifest(folder, header, list(names.values()))
    _sweep(folder, token)
    return fingerprint(read_json(folder / MANIFEST, "model manifest"))


def fingerprint(manifest: dict[str, Any]) -> str:
    """SHA-256 of what a model is: its settings and the contents of its files, not their names."""
    about = {key: value for key, value in manifest.items() if key not in _NOT_THE_MODEL}
    about["index"] = manifest["index"]["kind"]
    contents = {part: manifest["files"][name]["sha256"] for part, name in manifest["parts"].items()}
    text = json.dumps([about, contents], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def load(kind: type[Recommender], folder: Path, *, mmap: bool, verify: bool) -> Recommender:
    """Open `folder`; see :meth:`Recommender.load`.

    Another process may replace the model between the manifest and the files that it names; then
    the manifest has changed, and the new model is opened.
    """
    for _ in range(_TRIES):
        before = _manifest_text(folder)
        try:
            return _open(kind, folder, mmap, verify)
        except (AlsatianError, FileNotFoundError):
            if _manifest_text(folder) == before:
                raise
    return _open(kind, folder, mmap, verify)


def _manifest_text(folder: Path) -> str:
    try:
        return (folder / MANIFEST).read_text("utf-8", "replace")
    except OSError:
        return ""


def _open(kind: type[Recommender], folder: Path, mmap: bool, verify: bool) -> Recommender:
    manifest = read_manifest(folder, kind=KIND, version=VERSION, verify=verify)
    try:
        return _assemble(kind, folder, manifest, mmap)
    except (KeyError, TypeError, ValueError, AttributeError, pa.ArrowException) as error:
        if isinstance(error, AlsatianError):
            raise
        reason = " ".join(str(error).split())
        raise ModelFormatError(
            f"model {folder} is damaged ({type(error).__name__}: {reason}); refit the model"
        ) from error


def _assemble(
    kind: type[Recommender], folder: Path, manifest: dict[str, Any], mmap: bool
) -> Recommender:
    names = manifest["parts"]
    factors, _ = read_tensors(folder / names["factors"], mmap=mmap)
    stored, _ = read_tensors(folder / names["interactions"], mmap=mmap)
    users = IdMap(_read_ids(folder / names["users"], mmap), "user")
    items = IdMap(_read_ids(folder / names["items"], mmap), "item")
    model = AlternatingLeastSquares(**manifest["model"])
    model.user_factors = factors["user_factors"]
    model.item_factors = factors["item_factors"]
    model.item_weights = factors.get("item_weights")
    training = manifest.get("training", {"history": [], "best_sweep": None})
    model.history_ = records_from(training["history"])
    model.best_sweep_ = training["best_sweep"]
    n_warm = model.item_factors.shape[0]
    matrix = sp.csr_matrix(
        (stored["data"], stored["indices"], stored["indptr"]), shape=(len(users), n_warm)
    )
    matrix.has_canonical_format = True
    warm = IdMap(items.ids.slice(0, n_warm), "item")
    catalogue, content = None, None
    if "catalogue" in manifest:
        table = pq.read_table(folder / names["catalogue"], memory_map=mmap)
        about = manifest["catalogue"]
        catalogue = Catalogue(table, about["item_id"], roles=about["roles"], text=about["text"])
    if "content" in manifest:
        vectors, _ = read_tensors(folder / names["content"], mmap=mmap)
        content = Content(vectors["vectors"], ContentEncoder(manifest["content"]["encoder"]))
    about = manifest["index"]
    return kind(
        Interactions(users, warm, matrix, stored.get("timestamps")),
        model,
        items=items,
        cold_factors=factors["cold_factors"],
        index=load_index(folder / about["folder"], mmap) if "folder" in about else about["kind"],
        catalogue=catalogue,
        content=content,
        fingerprint=fingerprint(manifest),
    )


def _parts(recommender: Recommender) -> dict[str, str]:
    parts = dict.fromkeys(("factors", "interactions"), "safetensors")
    parts |= dict.fromkeys(("users", "items"), "parquet")
    if recommender.catalogue is not None:
        parts["catalogue"] = "parquet"
    if recommender.content is not None:
        parts["content"] = "safetensors"
    return parts


def _interaction_tensors(events: Interactions) -> dict[str, Any]:
    tensors = {
        "indptr": events.matrix.indptr,
        "indices": events.matrix.indices,
        "data": events.matrix.data,
    }
    if events.timestamps is not None:
        tensors["timestamps"] = events.timestamps
    return tensors


def _write_parquet(path: Path, table: pa.Table) -> None:
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _read_ids(path: Path, mmap: bool) -> pa.Array:
    return pq.read_table(path, memory_map=mmap).column("id").combine_chunks()


def check_target(folder: Path) -> None:
    """Refuse a folder that holds anything but a model of ours.

    Raises
    ------
    JobConflictError
        It is a file, or holds files of something else.
    """
    if folder.is_file():
        raise JobConflictError(f"{folder} is a file; give a folder to write the model into")
    if not folder.is_dir():
        return
    if (folder / MANIFEST).is_file():
        try:
            kind = read_json(folder / MANIFEST, "manifest").get("kind")
        except ModelFormatError:
            kind = None
        if kind != KIND:
            raise JobConflictError(
                f"{folder} holds {kind or 'a manifest of something else'}, which is no model; "
                "give another folder"
            )
        return
    foreign = [entry.name for entry in folder.iterdir() if not _OURS.match(entry.name)]
    if foreign:
        raise JobConflictError(
            f"{folder} holds {foreign[0]!r}, which is no model; give another folder"
        )


def saved_fingerprint(folder: Path) -> str:
    """Fingerprint of the model in `folder`.

    Raises
    ------
    InputNotFoundError
        There is none.
    ModelFormatError
        It is damaged, or of a newer format.
    """
    return fingerprint(read_manifest(folder, kind=KIND, version=VERSION, verify=False))


def sweep(folder: Path) -> int:
    """Remove what earlier saves left beside the model in `folder`; return how many files.

    Raises
    ------
    JobConflictError
        Another process writes it.
    """
    with folder_lock(folder):
        manifest = read_manifest(folder, kind=KIND, version=VERSION, verify=False)
        return _sweep(folder, str(manifest["parts"]["factors"]).split("-")[1][:8])


def _sweep(folder: Path, token: str) -> int:
    """Remove files of earlier saves, finished or not; those of others stay."""
    count = 0
    for entry in folder.iterdir():
        if _OURS.match(entry.name) and token not in entry.name and entry.name != ".lock":
            count += 1
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
    return count
