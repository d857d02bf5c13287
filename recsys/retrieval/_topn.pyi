import numpy as np
from numpy.typing import NDArray

class Catalogue: ...

def search(
    queries: NDArray[np.float32],
    items: NDArray[np.float32],
    wanted: int,
    rows: NDArray[np.int32] | None,
    excluded_offsets: NDArray[np.int64] | None,
    excluded: NDArray[np.int32] | None,
    ids: NDArray[np.int32],
    scores: NDArray[np.float32],
    counts: NDArray[np.int32],
    threads: int,
    simd: str,
    catalogue: Catalogue | None,
) -> None: ...
def prepare(
    items: NDArray[np.float32], rows: NDArray[np.int32] | None, threads: int, simd: str
) -> Catalogue | None: ...
def simd_variants() -> list[str]: ...
def simd_in_use() -> str: ...
