"""Recommenders to converse about: a small catalogue that is known by heart, and MovieLens 1M."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

# Under --import-mode=importlib the folder of a test is not on the path.
sys.path.insert(0, str(Path(__file__).parent))

from conversation_doubles import FILMS, film_table


@pytest.fixture(scope="session")
def rec() -> Recommender:
    """Forty users over the small catalogue: taste groups, every film seen by somebody."""
    random = np.random.default_rng(5)
    seen = random.random((40, len(FILMS))) < 0.3
    seen[np.arange(40), np.arange(40) % len(FILMS)] = True
    users, items = np.nonzero(seen)
    matrix = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), seen.shape)
    events = Interactions.from_csr(
        matrix, user_ids=list(range(1, 41)), item_ids=[film[0] for film in FILMS]
    )
    model = AlternatingLeastSquares(factors=8, iterations=8, random_state=3, num_threads=1)
    return Recommender.fit(events, items=film_table(), model=model)


@pytest.fixture(scope="session")
def facts(rec: Recommender) -> ItemFacts:
    return ItemFacts(rec)


@pytest.fixture(scope="session")
def genre_words(facts: ItemFacts) -> GenreWords:
    return GenreWords(facts.genre_names)


@pytest.fixture(scope="session")
def ml1m_rec(ml1m: Path) -> Recommender:
    """MovieLens 1M, fitted in a few sweeps, without sentence vectors."""
    events = Interactions.from_parquet(ml1m / "interactions.parquet")
    model = AlternatingLeastSquares(factors=32, iterations=5, random_state=1, num_threads=2)
    return Recommender.fit(events, items=pq.read_table(ml1m / "items.parquet"), model=model)
