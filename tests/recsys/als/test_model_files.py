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

from .small import MATRIX, fitted


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


def _with_header(content: bytes, **changes: str) -> bytes:
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"].update(changes)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


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
            _with_header(content, config="{}}"),
            _with_header(content, config=json.dumps(config.to_dict() | {"cg_stepz": 1})),
            _with_header(content, config=json.dumps(config.to_dict() | {"factors": 9})),
            _with_header(content, sha256="0" * 64),
        ],
        "upgrade": [_with_header(content, version=str(files.VERSION + 1))],
        "give another file": [_with_header(content, format="else")],
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
