"""The data sets that benchmarks read, and where they lie."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.powerlaw import powerlaw_matrix
from recsys.errors import InputNotFoundError
from recsys.interactions import Interactions

REPOSITORY = Path(__file__).resolve().parent.parent


def data_folder(name: str) -> Path:
    """Folder of a data set, in that of ``ALSATIAN_DATA``."""
    root = os.environ.get("ALSATIAN_DATA") or REPOSITORY.parent / "shared" / "data"
    return Path(root) / name


def existing(path: Path, mend: str) -> Path:
    """Return `path`, or raise :class:`InputNotFoundError` that tells what to do."""
    if not path.is_file():
        raise InputNotFoundError(f"{path} does not exist; {mend}")
    return path


def movielens_1m(folder: Path | None) -> tuple[Interactions, pa.Table, str]:
    """Interactions and items of MovieLens 1M in `folder`, and its name.

    Raises
    ------
    InputNotFoundError
        A file does not exist.
    """
    folder = folder or data_folder("ml-1m")
    mend = "give the folder of MovieLens 1M with --data, set ALSATIAN_DATA, or use --tiny"
    events = existing(folder / "interactions.parquet", mend)
    items = existing(folder / "items.parquet", mend)
    return Interactions.from_parquet(events), pq.read_table(items), folder.name


def made_up(seed: int, *, plain: bool = True) -> tuple[Interactions, str]:
    """A power law of 600 users and 400 items, for ``--tiny``, and what to call it.

    Parameters
    ----------
    seed : int
        Of the matrix.
    plain : bool
        Weights of 1 instead of those drawn.
    """
    matrix = powerlaw_matrix(600, 400, 24_000, seed=seed, clusters=8)
    if plain:
        matrix.data[:] = 1.0
    return Interactions.from_csr(matrix), f"made up, power law, seed {seed}"
