"""ALS on an NVIDIA card: torch for what it does well, Triton kernels where they win.

Importing this package imports torch; :func:`recsys.als.engine.open_training` does so only where
``device="cuda"`` asks for it.
"""

from __future__ import annotations

from recsys.errors import MissingExtraError

try:
    import torch as torch
except ImportError as error:
    raise MissingExtraError(
        "device 'cuda' needs torch: pip install 'alsatian[gpu]', or use device='cpu'"
    ) from error

from recsys.als.gpu.card import Card, find_card
from recsys.als.gpu.training import CardTraining

__all__ = ["Card", "CardTraining", "find_card"]
