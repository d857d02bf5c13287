"""Weights, biases and features in files, checkpoints and what is interchanged."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.als import AlternatingLeastSquares, files
from recsys.errors import InvalidInputError, ModelFormatError

from .told import (
    GIVEN,
    ITEM_FEATURES,
    MATRIX,
    USER_FEATURES,
    USER_WEIGHTS,
    fitted,
    model_of,
)


def test_a_file_keeps_it_all(tmp_path):
    model = fitted("all")
    model.save(tmp_path / "model")
    back = AlternatingLeastSquares.load(tmp_path / "model")
    assert back.config == model.config
    for name in ("user_factors", "item_biases", "item_weights", "item_feature_factors"):
        np.testing.assert_array_equal(getattr(back, name), getattr(model, name))
    assert back.objective(MATRIX, **GIVEN) == model.objective(MATRIX, **GIVEN)
    columns = sp.csr_matrix(MATRIX.T)[[2]]
    np.testing.assert_array_equal(
        back.recalculate_item(99, columns), model.recalculate_item(99, columns)
    )


def test_files_of_the_first_version_are_read(monkeypatch, tmp_path):
    model = fitted("plain", {})
    monkeypatch.setattr(files, "VERSION", 1)
    model.save(tmp_path / "old")
    monkeypatch.undo()
    back = AlternatingLeastSquares.load(tmp_path / "old")
    np.testing.assert_array_equal(back.user_factors, model.user_factors)
    with pytest.raises(ModelFormatError, match="damaged"):
        changed = (tmp_path / "old").read_bytes().replace(b'"item_factors"', b'"item_weights"')
        (tmp_path / "old").write_bytes(changed)
        AlternatingLeastSquares.load(tmp_path / "old")


def test_a_resumed_training_comes_to_the_same_bits(tmp_path):
    whole = fitted("all", iterations=6)
    model = model_of("all", iterations=2)
    model.fit(MATRIX, show_progress=False, checkpoint=tmp_path / "c", **GIVEN)
    model = model_of("all", iterations=6)
    model.fit(MATRIX, show_progress=False, checkpoint=tmp_path / "c", resume=True, **GIVEN)
    np.testing.assert_array_equal(model._user_factors, whole._user_factors)
    np.testing.assert_array_equal(model.item_feature_factors, whole.item_feature_factors)
    other = {**GIVEN, "user_features": USER_FEATURES + 1}
    with pytest.raises(InvalidInputError, match="made on"):
        model_of("all", iterations=6).fit(
            MATRIX, show_progress=False, checkpoint=tmp_path / "c", resume=True, **other
        )


def test_implicit_cannot_express_it():
    cases = [
        ("popularity_exponent", fitted("popularity", {})),
        ("biases", fitted("biases", {})),
        ("item_feature_factors", fitted("plain", {"item_features": ITEM_FEATURES})),
        ("user_weights", fitted("plain", {"user_weights": USER_WEIGHTS})),
    ]
    for name, model in cases:
        model.unobserved_weight, model.regularization_exponent = 1.0, 0.0
        with pytest.raises(InvalidInputError, match=name):
            model.to_implicit()
