"""Maximum inner product search: an exact native kernel and FAISS indexes behind one interface."""

from __future__ import annotations

from recsys.retrieval.base import NO_ROW, NO_SCORE, Hits, Index
from recsys.retrieval.exact import ExactIndex, simd_in_use, simd_variants, top_n, workspace_bytes
from recsys.retrieval.factory import (
    EXACT_UP_TO,
    EXACT_UP_TO_SINGLE,
    IndexKind,
    load_index,
    make_index,
)
from recsys.retrieval.faiss_index import FaissFlatIndex, FaissHnswIndex
from recsys.retrieval.faiss_ivf import FaissIvfIndex, FaissIvfPqIndex
from recsys.retrieval.recall import recall_against_exact
from recsys.retrieval.reference import top_n_reference
from recsys.retrieval.tuning import Tuned, tune

__all__ = [
    "EXACT_UP_TO",
    "EXACT_UP_TO_SINGLE",
    "NO_ROW",
    "NO_SCORE",
    "ExactIndex",
    "FaissFlatIndex",
    "FaissHnswIndex",
    "FaissIvfIndex",
    "FaissIvfPqIndex",
    "Hits",
    "Index",
    "IndexKind",
    "Tuned",
    "load_index",
    "make_index",
    "recall_against_exact",
    "simd_in_use",
    "simd_variants",
    "top_n",
    "top_n_reference",
    "tune",
    "workspace_bytes",
]
