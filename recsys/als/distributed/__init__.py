"""Training on a Ray cluster with the same native kernels; needs the extra ``ray``."""

from __future__ import annotations

from recsys.als.distributed.model import DistributedALS

__all__ = ["DistributedALS"]
