"""A made catalogue in which taste follows genres and time, and an engine that saw part of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.concierge import Concierge
from llm_layer.evaluation import Hidden, Stage, Tastes, hide
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

COLOURS = ("Amber", "Crimson", "Golden", "Ivory", "Scarlet", "Silver", "Violet", "Ashen")
THINGS = ("Harbour", "Lantern", "Orchard", "Meridian", "Cathedral", "Voyage", "Labyrinth")
GENRES = ("Comedy", "Drama", "Horror", "Sci-Fi", "Western", "Romance")
PEOPLE = ("Ada Brook", "Bela Stone", "Cyril Marsh", "Dora Vale", "Egon Field", "Frida Lake")


@pytest.fixture(scope="session")
def items() -> pa.Table:
    """56 films; genre, decade and director follow from the number."""
    numbers = range(len(COLOURS) * len(THINGS))
    years = [1950 + 10 * (at % 5) + at % 7 for at in numbers]
    names = [f"{COLOURS[at % 8]} {THINGS[at // 8]}" for at in numbers]
    return pa.table(
        {
            "item_id": [1000 + at for at in numbers],
            "title": [f"{name} ({year})" for name, year in zip(names, years, strict=True)],
            "year": years,
            "genres": [[GENRES[at % 6], GENRES[(at // 6) % 6]] for at in numbers],
            "director": [PEOPLE[at % 6] for at in numbers],
        }
    )


@pytest.fixture(scope="session")
def events(items: pa.Table) -> Interactions:
    """90 users who mostly choose from one genre, and some popular films."""
    random = np.random.default_rng(11)
    genres = items["genres"].to_pylist()
    odds = np.array(
        [[0.75 if GENRES[user % 6] in listed else 0.12 for listed in genres] for user in range(90)]
    )
    chosen = random.random(odds.shape) < odds
    return Interactions.from_csr(
        sp.csr_matrix(chosen.astype(np.float32)),
        user_ids=list(range(1, 91)),
        item_ids=items["item_id"].to_pylist(),
    )


@pytest.fixture(scope="session")
def hidden(events: Interactions) -> Hidden:
    return hide(events, 6, known=(None, 0, 3), seed=2)


@pytest.fixture(scope="session")
def engine(hidden: Hidden, items: pa.Table) -> Recommender:
    model = AlternatingLeastSquares(factors=8, iterations=6, random_state=1, num_threads=1)
    return Recommender.fit(hidden.train, items=items, model=model)


@pytest.fixture(scope="session")
def concierge(engine: Recommender) -> Concierge:
    return Concierge(engine, None)


@pytest.fixture(scope="session")
def made_facts(concierge: Concierge) -> ItemFacts:
    return concierge.facts


@pytest.fixture(scope="session")
def tastes(concierge: Concierge, hidden: Hidden) -> Tastes:
    counts = np.bincount(hidden.train.matrix.indices, minlength=hidden.train.n_items)
    return Tastes(concierge.facts, counts)


@pytest.fixture(scope="session")
def stage(concierge: Concierge, tastes: Tastes) -> Stage:
    return Stage(concierge, tastes, turns=5, seed=7)
