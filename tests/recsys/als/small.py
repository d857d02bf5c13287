"""A small matrix, models fitted on it, and their files changed."""

from __future__ import annotations

import json

from recsys.als import AlternatingLeastSquares

from .conftest import random_matrix

MATRIX = random_matrix(40, 30, 0.2, seed=1)


def fitted(dtype: str = "float32", **settings) -> AlternatingLeastSquares:
    defaults = {"factors": 8, "iterations": 4, "random_state": 2, "num_threads": 1}
    model = AlternatingLeastSquares(**(defaults | settings), dtype=dtype)
    model.fit(MATRIX, show_progress=False)
    return model


def with_header(content: bytes, **changes: str) -> bytes:
    """A safetensors file with other metadata."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"].update(changes)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]
