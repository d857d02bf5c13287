"""A model in a file: what is kept, and what is refused."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from recsys.als import AlternatingLeastSquares, files
from recsys.als.config import ALSConfig
from recsys.errors import (
    InputNotFoundError,
    ModelFormatError,
)

from .small import MATRIX, fitted, with_header


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_save_and_load(tmp_path, dtype):
    model = fitted(dtype, solver="cholesky", unobserved_weight=0.5, item_regularization=0.25)
    path = tmp_path / "factors"
    model.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["factors"]
    back = AlternatingLeastSquares.load(str(path))
    assert back.config == model.config
    assert back.random_state == 2
    np.testing.assert_array_equal(back.user_factors, model.user_factors)
    np.testing.assert_array_equal(back.item_factors, model.item_factors)
    buffer = io.BytesIO()
    model.save(buffer)
    assert AlternatingLeastSquares.load(io.BytesIO(buffer.getvalue())).config == model.config
    back.fit(MATRIX, show_progress=False)  # what was loaded can be trained on


def test_damaged_and_newer_files_are_refused(tmp_path):
    path = tmp_path / "model"
    fitted().save(path)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[-5] ^= 1
    config = ALSConfig(factors=8)
    cases = {
        "damaged": [
            b"",
            content[:5],
            content[:100],
            content[:-1],
            content + b"x",
            bytes(flipped),
            b"\xff" * 64,
            with_header(content, config="{}}"),
            with_header(content, config=json.dumps(config.to_dict() | {"cg_stepz": 1})),
            with_header(content, config=json.dumps(config.to_dict() | {"factors": 9})),
            with_header(content, sha256="0" * 64),
        ],
        "upgrade": [with_header(content, version=str(files.VERSION + 1))],
        "give another file": [with_header(content, format="else")],
    }
    for mend, contents in cases.items():
        for number, changed in enumerate(contents):
            path.write_bytes(changed)
            with pytest.raises(ModelFormatError, match=mend) as raised:
                AlternatingLeastSquares.load(path)
            assert str(path) in str(raised.value), number
            assert "\n" not in str(raised.value)
    with pytest.raises(InputNotFoundError):
        AlternatingLeastSquares.load(tmp_path / "absent")
