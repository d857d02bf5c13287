"""Which card is taken, what is refused in one line, and what the rest of the program notices."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("torch")

import torch

from recsys.als import AlternatingLeastSquares
from recsys.als.config import ALSConfig
from recsys.als.engine import open_training
from recsys.als.gpu import Card, find_card
from recsys.als.gpu.plan import plan
from recsys.errors import CapacityError, InvalidInputError, MissingExtraError

from .conftest import random_matrix

CUDA = ALSConfig(device="cuda")


def line_of(raised) -> str:
    text = str(raised.value)
    assert "\n" not in text
    return text


@pytest.fixture
def no_card(monkeypatch):
    monkeypatch.delenv("ALSATIAN_GPU", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_no_card(no_card):
    with pytest.raises(InvalidInputError) as raised:
        find_card(CUDA)
    assert "use device='cpu'" in line_of(raised)
    model = AlternatingLeastSquares(4, device="cuda")
    with pytest.raises(InvalidInputError, match="device is 'cuda', but torch"):
        model.fit(random_matrix(5, 5, 0.5, 1), show_progress=False)


def test_a_card_that_is_not_there(monkeypatch):
    monkeypatch.delenv("ALSATIAN_GPU", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InvalidInputError, match="there are 2 CUDA cards, the last 'cuda:1'"):
        find_card(ALSConfig(device="cuda:2"))


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "cuda:x", "CUDA", "", 0, None])
def test_devices_that_are_none(device):
    with pytest.raises(InvalidInputError, match="expected one of cpu, cuda, cuda:N"):
        ALSConfig(device=device)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"device": "cpu", "gpu_precision": "tf32"}, "or device='cuda'"),
        ({"device": "cuda", "gpu_precision": "tf32", "dtype": "float64"}, "dtype 'float32'"),
        ({"device": "cuda", "gpu_precision": "fp8"}, "full, tf32"),
    ],
)
def test_settings_that_contradict_each_other(settings, words):
    with pytest.raises(InvalidInputError) as raised:
        ALSConfig(**settings)
    assert words in line_of(raised)


@pytest.mark.parametrize(
    ("name", "value"), [("ALSATIAN_GPU", "yes"), ("ALSATIAN_GPU_KERNELS", "cuda")]
)
def test_an_environment_that_cannot_be_followed(monkeypatch, name, value):
    monkeypatch.setenv("ALSATIAN_GPU", "cpu")
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInputError, match=f"{name} is '{value}'"):
        find_card(CUDA)


def test_interpreted_kernels_are_asked_for_twice(monkeypatch):
    monkeypatch.setenv("ALSATIAN_GPU", "cpu")
    assert find_card(CUDA).kernels == "torch"
    monkeypatch.setenv("ALSATIAN_GPU_KERNELS", "triton")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(InvalidInputError, match="TRITON_INTERPRET=1"):
        find_card(CUDA)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert find_card(CUDA).kernels == "triton"


def test_without_triton(monkeypatch):
    monkeypatch.setenv("ALSATIAN_GPU", "cpu")
    monkeypatch.setenv("ALSATIAN_GPU_KERNELS", "triton")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'alsatian\[gpu\]'"):
        find_card(CUDA)


def test_without_torch(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("recsys.als.gpu")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError) as raised:
        open_training(None, None, None, None, CUDA)
    assert "pip install 'alsatian[gpu]'" in line_of(raised)
    assert "device='cpu'" in line_of(raised)


def test_a_card_that_is_too_small():
    small = Card(torch.device("cpu"), "torch", 50_000_000)
    with pytest.raises(CapacityError) as raised:
        plan(small, ALSConfig(factors=128), 138_493, 26_744, 12_400_000)
    assert "use fewer factors or device='cpu'" in line_of(raised)
    assert plan(small, ALSConfig(factors=16), 138_493, 26_744, 12_400_000).block_bytes
    large = Card(torch.device("cpu"), "torch", 5 * 10**8)
    assert plan(large, ALSConfig(factors=16), 138_493, 26_744, 12_400_000).block_bytes is None


def test_memory_that_runs_out_is_said_plainly():
    card = Card(torch.device("cpu"), "torch", 10**9)
    with pytest.raises(CapacityError, match="no memory left"), card.computing():
        raise torch.OutOfMemoryError("tried to allocate")


@pytest.mark.parametrize("outside", ["ieee", "tf32"])
@pytest.mark.parametrize("precision", ["full", "tf32"])
def test_precision_of_products_is_put_back(outside, precision):
    switch = torch.backends.cuda.matmul
    if not hasattr(switch, "fp32_precision"):
        pytest.skip("this torch has only the older switch")
    before = switch.fp32_precision
    try:
        switch.fp32_precision = outside
        with Card(torch.device("cpu"), "torch", 1, precision).computing():
            assert switch.fp32_precision == ("tf32" if precision == "tf32" else "ieee")
        assert switch.fp32_precision == outside
    finally:
        switch.fp32_precision = before


@pytest.fixture
def on_torch_cpu(monkeypatch):
    monkeypatch.setenv("ALSATIAN_GPU", "cpu")


def test_the_callback_sees_the_factors_of_its_sweep(on_torch_cpu):
    matrix = random_matrix(40, 30, 0.3, 2)
    model = AlternatingLeastSquares(
        5, iterations=3, device="cuda", random_state=1, calculate_training_loss=True
    )
    seen: list[tuple[float, float]] = []

    def watch(_: int, __: float, loss: float | None) -> None:
        seen.append((model.objective(matrix), loss or 0.0))

    model.fit(matrix, show_progress=False, callback=watch)
    values, losses = np.array(seen).T
    np.testing.assert_allclose(values / values[0], losses / losses[0], rtol=1e-5)
    assert values[2] < values[1] < values[0]


def test_interrupted_training_leaves_what_was_reached(on_torch_cpu):
    matrix = random_matrix(40, 30, 0.3, 3)

    def stop(iteration: int, _: float, __: float | None) -> None:
        if iteration == 1:
            raise KeyboardInterrupt

    made = []
    for iterations, callback in ((5, stop), (2, None)):
        model = AlternatingLeastSquares(5, iterations=iterations, device="cuda", random_state=1)
        if callback:
            with pytest.raises(KeyboardInterrupt):
                model.fit(matrix, show_progress=False, callback=callback)
        else:
            model.fit(matrix, show_progress=False)
        made.append(model.item_factors)
    np.testing.assert_array_equal(made[0], made[1])


def test_a_model_of_a_card_is_saved_loaded_and_used_anywhere(on_torch_cpu, tmp_path, monkeypatch):
    matrix = random_matrix(40, 30, 0.3, 4)
    model = AlternatingLeastSquares(5, iterations=1, device="cuda", random_state=1)
    model.fit(matrix, show_progress=False)
    model.save(tmp_path / "model")
    monkeypatch.delenv("ALSATIAN_GPU")
    again = AlternatingLeastSquares.load(tmp_path / "model")
    assert again.device == "cuda"
    for one, other in zip(
        model.recommend(0, matrix[0]), again.recommend(0, matrix[0]), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert np.isfinite(again.recalculate_user(0, matrix[0])).all()
