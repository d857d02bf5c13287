"""Which card a training runs on, with which kernels, and how exact its products are.

Two environment variables change the choice, and fail loudly where they cannot be followed:
``ALSATIAN_GPU=cpu`` runs what ``device="cuda"`` means on torch's CPU device (slow: for checks where
no card is at hand), and ``ALSATIAN_GPU_KERNELS=torch|triton`` picks the kernels.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from recsys.als.config import ALSConfig
from recsys.als.memory import available_bytes
from recsys.errors import CapacityError, InvalidInputError, MissingExtraError

KERNELS = ("triton", "torch")

# What is left alone of the free memory: cuBLAS, cuSOLVER and fragmentation take their part.
_USABLE = 0.9
_FALLBACK_BYTES = 1 << 32


@dataclass(frozen=True)
class Card:
    """A device of torch's and how to compute on it.

    Parameters
    ----------
    device : torch.device
        A CUDA card, or torch's CPU device.
    kernels : str
        ``"triton"`` or ``"torch"``.
    memory : int
        Bytes that a training may take on it.
    precision : str
        ``"full"`` or ``"tf32"``: see :class:`recsys.als.config.ALSConfig`.
    """

    device: torch.device
    kernels: str
    memory: int
    precision: str = "full"

    @property
    def is_cuda(self) -> bool:
        """Whether it is a card, with streams and memory of its own."""
        return self.device.type == "cuda"

    def __str__(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.is_cuda else "torch's CPU device"

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Products as exact as asked for, this card current, and its errors said plainly.

        TF32 is a switch of the whole process in torch: it is set for the time of the block and put
        back, whatever the program around it prefers.

        Raises
        ------
        CapacityError
            The card has no memory left.
        """
        try:
            with _products("tf32" if self.precision == "tf32" else "ieee"):
                if self.is_cuda:
                    with torch.cuda.device(self.device):
                        yield
                else:
                    yield
        except torch.OutOfMemoryError as error:
            raise CapacityError(
                f"{self} has no memory left for this training; use fewer factors or device='cpu'"
            ) from error


@contextmanager
def _products(precision: str) -> Iterator[None]:
    """Matrix products of float32 as ``"ieee"`` or ``"tf32"`` for the time of the block."""
    switch = torch.backends.cuda.matmul
    if hasattr(switch, "fp32_precision"):  # torch 2.9; reading the older name may raise from there
        before = switch.fp32_precision
        switch.fp32_precision = precision
        try:
            yield
        finally:
            switch.fp32_precision = before
        return
    allowed = switch.allow_tf32
    switch.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        switch.allow_tf32 = allowed


def find_card(config: ALSConfig) -> Card:
    """The card that the settings name, checked for what they ask of it.

    Parameters
    ----------
    config : ALSConfig
        Settings, ``device`` being ``"cuda"`` or ``"cuda:N"``.

    Raises
    ------
    InvalidInputError
        There is no such card, or an environment variable of this module is wrong.
    MissingExtraError
        Triton is not installed and its kernels are not declined.
    """
    device = _device(config.device)
    kernels = _kernels(device)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    else:
        free = available_bytes() or _FALLBACK_BYTES
    return Card(device, kernels, int(_USABLE * free), config.gpu_precision)


def _device(name: str) -> torch.device:
    override = os.environ.get("ALSATIAN_GPU", "")
    if override == "cpu":
        return torch.device("cpu")
    if override:
        raise InvalidInputError(
            f"ALSATIAN_GPU is {override!r}, expected 'cpu', or unset to use a CUDA card"
        )
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        why = "finds no CUDA card" if torch.version.cuda else "was built without CUDA"
        raise InvalidInputError(
            f"device is {name!r}, but torch {torch.__version__} {why}; use device='cpu'"
        )
    index = torch.device(name).index or 0
    if index >= count:
        raise InvalidInputError(
            f"device is {name!r}, but there are {count} CUDA cards, the last 'cuda:{count - 1}'"
        )
    return torch.device("cuda", index)


def _kernels(device: torch.device) -> str:
    asked = os.environ.get("ALSATIAN_GPU_KERNELS", "")
    if asked and asked not in KERNELS:
        raise InvalidInputError(
            f"ALSATIAN_GPU_KERNELS is {asked!r}, expected one of {', '.join(KERNELS)}"
        )
    if not asked:
        # Interpreted kernels are slow beyond use: on torch's CPU device only where asked for.
        asked = "triton" if device.type == "cuda" else "torch"
    if asked == "torch":
        return asked
    if importlib.util.find_spec("triton") is None:
        raise MissingExtraError(
            "device 'cuda' needs Triton: pip install 'alsatian[gpu]', or set "
            "ALSATIAN_GPU_KERNELS=torch, or use device='cpu'"
        )
    if device.type == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        raise InvalidInputError(
            "ALSATIAN_GPU_KERNELS is 'triton' on torch's CPU device, expected TRITON_INTERPRET=1 "
            "beside it, or 'torch'"
        )
    return asked
