"""Vectors with the shape of trained factors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array

Floats = NDArray[np.float32]


def trained_like(rows: int, factors: int, seed: int, clusters: int = 60) -> Floats:
    """Clustered directions with norms spread as popularity spreads them."""
    tastes = np.random.default_rng(7).normal(size=(clusters, factors))
    random = np.random.default_rng(seed)
    vectors = tastes[random.integers(clusters, size=rows)]
    vectors = vectors + 0.7 * random.normal(size=(rows, factors))
    return (0.1 * np.exp(0.5 * random.normal(size=(rows, 1))) * vectors).astype(np.float32)


def random_exclude(queries: int, size: int, density: float, seed: int) -> csr_matrix:
    """A sparse matrix of seen items."""
    sampled = random_array(
        (queries, size), density=density, rng=np.random.default_rng(seed), dtype=np.float32
    )
    return csr_matrix(sampled)


@pytest.fixture(scope="session")
def item_vectors() -> Floats:
    """4,000 item vectors of 32 factors."""
    return trained_like(4000, 32, seed=1)


@pytest.fixture(scope="session")
def user_vectors() -> Floats:
    """300 user vectors of 32 factors."""
    return trained_like(300, 32, seed=2)
