"""The ALS core: matrix factorization for implicit feedback, native and multi-threaded.

:class:`AlternatingLeastSquares` learns factors of users and items from a sparse matrix of
confidences; the C++ behind it is held to the NumPy twin in :mod:`recsys.als.reference`.
"""

from __future__ import annotations

from recsys.als.border import simd_variant, simd_variants
from recsys.als.model import AlternatingLeastSquares
from recsys.als.sparse import csr_over
from recsys.als.training import SweepRecord, TrainingState
from recsys.als.weighting import damped_confidence

__all__ = [
    "AlternatingLeastSquares",
    "SweepRecord",
    "TrainingState",
    "csr_over",
    "damped_confidence",
    "simd_variant",
    "simd_variants",
]
