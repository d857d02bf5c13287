"""What a measurement was made on: without it a figure says nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from recsys.als import simd_variant


def limit_threads(threads: int) -> None:
    """Give every library that reads its environment `threads` threads, and BLAS a single one.

    To be called before the peers are imported, and again after it: a BLAS that is loaded already
    does not look at the environment. ``implicit`` asks for a single BLAS thread itself: its own
    threads call BLAS.
    """
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["IRSPACK_NUM_THREADS_DEFAULT"] = str(threads)
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
        os.environ[name] = "1"
    threadpool_limits(1, user_api="blas")


def processor() -> str:
    """Name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def package_version(package: str) -> str | None:
    """Version of a distribution; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def context(packages: tuple[str, ...], *, threads: int, seed: int) -> dict[str, Any]:
    """Describe machine, versions and settings, for print and JSON.

    Parameters
    ----------
    packages : tuple of str
        Distributions whose versions matter; one that is not installed shows as None.
    threads, seed : int
        Settings of the measurement.
    """
    return {
        "processor": processor(),
        "processors_usable": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "load": os.getloadavg()[0],
        "simd": simd_variant(),
        "threads": threads,
        "seed": seed,
        "versions": {package: package_version(package) for package in packages},
    }


def print_context(facts: dict[str, Any]) -> None:
    """Print what :func:`context` found, in three lines."""
    versions = ", ".join(f"{name} {found or 'absent'}" for name, found in facts["versions"].items())
    print(f"on {facts['processor']} ({facts['processors_usable']} usable), {facts['system']}")
    print(f"with {facts['threads']} threads, SIMD {facts['simd']}, seed {facts['seed']}", end="")
    print(f"; load before the run {facts['load']:.1f}")
    print(f"versions: {versions}")
