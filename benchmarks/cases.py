"""The named cases of the sweep benchmark: what is solved, at which size, and what is promised.

A case is a matrix, a solver and a number of factors. Its matrix is drawn once, written as plain
arrays into a folder, and read from there by every process that needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.powerlaw import powerlaw_matrix

SIZES = {
    "ml20m": (138_493, 26_744, 12_400_000),  # MovieLens 20M, ratings of 3.5 and more
    "lastfm": (358_868, 292_385, 17_300_000),  # Last.fm 360K
    "tiny": (600, 300, 9_000),
}
ARRAYS = ("data", "indices", "indptr")


@dataclass(frozen=True)
class Case:
    """One line of the table of promises.

    Parameters
    ----------
    name : str
        What it is called on the command line.
    solver : str
        ``"cg"``, ``"cholesky"`` or ``"subspace"``.
    factors : int
        Length of a factor vector.
    size : str
        A key of ``SIZES``.
    target : float
        Times the fastest peer that we promise.
    rounds : int
        Rounds measured where the command line does not say.
    subspace_dimension : int
        Of the subspace solver, ours and the peers'.
    simd : str, optional
        The SIMD variant that our side is held to; peers run as they are installed.
    """

    name: str
    solver: str
    factors: int
    size: str = "ml20m"
    target: float = 5.0
    rounds: int = 5
    subspace_dimension: int = 64
    simd: str | None = None


CASES = {
    case.name: case
    for case in (
        Case("cg64", "cg", 64, target=6.0, rounds=7),
        Case("cg32", "cg", 32),
        Case("cg128", "cg", 128),
        Case("cg256", "cg", 256, rounds=3),
        Case("cholesky64", "cholesky", 64, rounds=3),
        Case("cholesky128", "cholesky", 128, rounds=3),
        Case("subspace512", "subspace", 512, rounds=2),
        Case("subspace1024", "subspace", 1024, rounds=2),
        Case("lastfm64", "cg", 64, size="lastfm"),
        Case("avx2-64", "cg", 64, target=3.5, simd="avx2"),
    )
}


def stored_matrix(size: str, seed: int, folder: Path) -> csr_matrix:
    """Read the matrix of a size from `folder`; draw it and write it there where it is not yet.

    Parameters
    ----------
    size : str
        A key of ``SIZES``.
    seed : int
        Of the random numbers.
    folder : Path
        Holds one folder for each size and seed.
    """
    users, items, nnz = SIZES[size]
    place = folder / f"{size}-{seed}"
    if not place.is_dir():
        write_matrix(powerlaw_matrix(users, items, nnz, seed=seed), place)
    return read_matrix(place)


def write_matrix(matrix: csr_matrix, place: Path) -> None:
    """Write the arrays of a canonical matrix into a new folder, which appears when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(place.name + ".unfinished")
    beside.mkdir(exist_ok=True)
    for name in ARRAYS:
        np.save(beside / f"{name}.npy", getattr(matrix, name))
    np.save(beside / "shape.npy", np.array(matrix.shape))
    beside.rename(place)


def read_matrix(place: Path) -> csr_matrix:
    """Read what :func:`write_matrix` wrote, into memory."""
    users, items = np.load(place / "shape.npy").tolist()
    matrix = csr_matrix(
        tuple(np.load(place / f"{name}.npy") for name in ARRAYS), shape=(users, items)
    )
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix
