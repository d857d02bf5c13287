"""A concierge with a memory, over the catalogue that is known by heart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_layer import Concierge
from llm_layer.memory import Consent, Store
from recsys.recommender import Recommender


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path, default=Consent.full()) as opened:
        yield opened


@pytest.fixture
def concierge(rec: Recommender, store: Store) -> Concierge:
    return Concierge(rec, None, store=store)
