"""Resident memory of a process over time, and whether it is flat."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rounds import resident

_WARM_UP = 0.2
_ALLOWED_GROWTH, _ALLOWED_BYTES = 0.01, 8 << 20


class Memory(threading.Thread):
    """Samples the resident memory of a process: seconds and bytes."""

    def __init__(self, process: int | str, seconds: float) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._pause = max(0.1, seconds / 600)
        self._over = threading.Event()
        self.samples: list[tuple[float, int]] = []

    def run(self) -> None:
        begun = time.monotonic()
        while not self._over.wait(self._pause):
            self.samples.append((time.monotonic() - begun, resident("VmRSS", self._process)))

    def stop(self) -> dict[str, Any]:
        """End; what the samples say."""
        self._over.set()
        self.join()
        return growth(np.array(self.samples, np.float64).reshape(-1, 2))


def growth(samples: Any) -> dict[str, Any]:
    """Slope and growth of memory, shape (n, 2): seconds, bytes."""
    settled = samples[int(_WARM_UP * len(samples)) :]
    if len(settled) < 8:
        return {"samples": len(samples), "is_flat": None}
    quarter = len(settled) // 4
    before = float(np.median(settled[:quarter, 1]))
    after = float(np.median(settled[-quarter:, 1]))
    slope = float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0])
    return {
        "samples": len(samples),
        "begin_mib": before / 2**20,
        "end_mib": after / 2**20,
        "highest_mib": float(samples[:, 1].max()) / 2**20,
        "slope_mib_an_hour": slope * 3600 / 2**20,
        "is_flat": after - before <= max(_ALLOWED_GROWTH * before, _ALLOWED_BYTES),
    }


def plot(samples: list[tuple[float, int]], place: Path, title: str) -> None:
    """Memory over time as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    seconds, found = np.array(samples).T
    axes.plot(seconds / 60, found / 2**20)
    axes.axvspan(0, _WARM_UP * seconds[-1] / 60, alpha=0.1)
    axes.set(xlabel="minutes", ylabel="resident memory, MiB", title=title)
    axes.set_ylim(0, float(found.max()) / 2**20 * 1.1)
    figure.savefig(place, dpi=120)
