"""Matrices with every kind of row, and the SIMD variants that ought to be here."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack

from recsys.als import simd_variants

_FLAGS = {
    "baseline": set(),
    "avx2": {"avx2", "fma", "f16c"},
    "avx512": {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl"},
    "amx": {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16", "amx_tile", "amx_bf16"},
}


def _processor_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    lines = [line for line in text.splitlines() if line.startswith("flags")]
    return set(lines[0].split()) if lines else set()


@pytest.fixture(params=list(_FLAGS))
def variant(request: pytest.FixtureRequest) -> str:
    """Each SIMD variant; one that this processor cannot run is a skip, a missing one a failure."""
    wanted = _FLAGS[request.param]
    if wanted and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip(f"{request.param} is a variant of x86-64")
    if wanted - _processor_flags():
        pytest.skip(f"this processor lacks {', '.join(sorted(wanted - _processor_flags()))}")
    assert request.param in simd_variants(), f"the build lacks the {request.param} variant"
    return request.param


@pytest.fixture(params=["torch-cpu", "triton-cpu", "torch-cuda", "triton-cuda"])
def card(request: pytest.FixtureRequest) -> Any:
    """Each way that code for cards runs; on torch's CPU device Triton's kernels are interpreted."""
    kernels, device = request.param.split("-")
    import torch

    if torch.cuda.is_available():
        if device == "cpu" and kernels == "triton":
            pytest.skip("with a card, Triton's kernels are compiled for it")
    elif device == "cuda":
        pytest.skip("no CUDA card here")
    else:
        torch.set_num_threads(1)
        assert os.environ.get("TRITON_INTERPRET") == "1", "tests/conftest.py sets it"
    from recsys.als.gpu import Card

    return Card(torch.device(device), kernels, 10**9)


def random_matrix(rows: int, columns: int, density: float, seed: int) -> csr_matrix:
    """Whole numbers from -1 to 5 without 0: mostly likes, some known dislikes."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((rows, columns)) < density, rng.integers(1, 6, (rows, columns)), 0)
    dense = np.where(rng.random(dense.shape) < 0.1, -np.sign(dense), dense)
    return csr_matrix(dense.astype(np.float32))


def every_kind_of_row(columns: int, seed: int) -> csr_matrix:
    """Empty rows (first, last, in between), one entry, a few, a full group, nearly all, all."""
    rng = np.random.default_rng(seed)
    rows = []
    for entries in (0, 1, 3, 7, 8, 9, 0, 15, 16, 17, 40, columns - 1, columns, 2, 0):
        row = np.zeros(columns, dtype=np.float32)
        chosen = rng.choice(columns, min(entries, columns), replace=False)
        row[chosen] = rng.integers(1, 6, len(chosen)) * np.where(
            rng.random(len(chosen)) < 0.1, -1, 1
        )
        rows.append(csr_matrix(row))
    return csr_matrix(vstack(rows))


def random_factors(rows: int, factors: int, dtype: str, seed: int) -> np.ndarray:
    """Factors of a plausible size, of both signs."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(rows, factors)) / np.sqrt(factors)).astype(dtype)
