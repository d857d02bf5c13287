from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Factors: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

class SparseRows:
    def __init__(
        self,
        indptr: NDArray[np.int64],
        indices: NDArray[np.int32],
        data: NDArray[np.float32],
        columns: int,
    ) -> None: ...
    @property
    def rows(self) -> int: ...
    @property
    def columns(self) -> int: ...
    @property
    def entries(self) -> int: ...
    def transposed(
        self, num_threads: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]: ...

def gramian(
    rows: Factors,
    *,
    row_weights: NDArray[np.float32] | None = None,
    split: bool = False,
    num_threads: int = 0,
    variant: str = "",
) -> NDArray[np.float64]: ...
def weighted_sum(
    rows: Factors,
    *,
    row_weights: NDArray[np.float32] | None = None,
    offsets: Factors | None = None,
) -> NDArray[np.float64]: ...
def solve(
    matrix: SparseRows,
    target: Factors,
    other: Factors,
    *,
    solver: str,
    cg_steps: int,
    subspace_dimension: int = 64,
    alpha: float,
    unobserved: float,
    regularization: float,
    exponent: float,
    gramian: NDArray[np.float64] | None = None,
    row_weights: NDArray[np.float32] | None = None,
    column_weights: NDArray[np.float32] | None = None,
    offsets: Factors | None = None,
    priors: Factors | None = None,
    linear: NDArray[np.float64] | None = None,
    eigenvalues: NDArray[np.float64] | None = None,
    eigenvectors: NDArray[np.float64] | None = None,
    split: bool = False,
    num_threads: int = 0,
    variant: str = "",
) -> None: ...
def objective(
    matrix: SparseRows,
    users: Factors,
    items: Factors,
    *,
    alpha: float,
    unobserved: float,
    regularization: float,
    exponent: float,
    item_regularization: float | None = None,
    row_weights: NDArray[np.float32] | None = None,
    column_weights: NDArray[np.float32] | None = None,
    offsets: Factors | None = None,
    user_priors: Factors | None = None,
    item_priors: Factors | None = None,
    num_threads: int = 0,
    variant: str = "",
) -> float: ...
def simd_variants() -> list[str]: ...
def simd_variant() -> str: ...
def threads(requested: int = 0) -> int: ...
