"""Real data, in the folder that `ALSATIAN_DATA` names, else ../shared/data; the packaged model."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from llm_layer.llm import EmbeddedLLM

# Test processes share the cores; OpenMP threads that spin at barriers would make torch crawl.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Where there is no card, Triton's kernels are interpreted. Triton asks when it is first imported,
# which collecting the doctests does before any fixture runs.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("ALSATIAN_DATA") or REPOSITORY.parent / "shared" / "data")


def _folder(name: str) -> Path:
    folder = DATA / name
    if not folder.is_dir():
        if os.environ.get("ALSATIAN_DATA"):
            pytest.fail(f"ALSATIAN_DATA is set, but {folder} does not exist")
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"no {name} data: set ALSATIAN_DATA to a folder that holds {name}/")
    return folder


@pytest.fixture(scope="session")
def ml100k() -> Path:
    """Folder of MovieLens 100K as parquet: interactions, items, users."""
    return _folder("ml-100k")


@pytest.fixture(scope="session")
def ml1m() -> Path:
    """Folder of MovieLens 1M as parquet: interactions, items, users."""
    return _folder("ml-1m")


@pytest.fixture(scope="session")
def ml1m_items(ml1m: Path) -> pa.Table:
    """Item table of MovieLens 1M."""
    return pq.read_table(ml1m / "items.parquet")


@pytest.fixture(scope="session")
def loaded() -> Callable[[EmbeddedLLM], EmbeddedLLM]:
    """Loads a packaged language model; a skip where it cannot be had."""
    if not os.environ.get("CI"):  # there its absence is a failure
        pytest.importorskip("xllamacpp")
    from recsys.errors import DownloadError

    def load(llm: EmbeddedLLM) -> EmbeddedLLM:
        try:
            llm.load()
        except DownloadError as error:
            absent = pytest.fail if os.environ.get("CI") else pytest.skip
            absent(f"the packaged model cannot be had here: {error}")
        return llm

    return load


@pytest.fixture(scope="session")
def embedded(loaded: Callable[[EmbeddedLLM], EmbeddedLLM]) -> EmbeddedLLM:
    """The packaged language model, loaded once."""
    from llm_layer.llm import EmbeddedLLM

    return loaded(EmbeddedLLM())
