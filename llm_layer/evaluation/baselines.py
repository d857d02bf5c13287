"""What conversations are held against: one list without a word, and a catalogue without a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.dialogue import State
from llm_layer.evaluation.hiding import Seeker
from llm_layer.retrieve import Retriever
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender


def one_shot_places(
    rec: Recommender, facts: ItemFacts, seekers: Sequence[Seeker], n: int
) -> tuple[int | None, ...]:
    """Where a target stands in each user's list of `n`, without any conversation.

    The same engine, and the candidates in the order that the first turn of a conversation has them
    in where nothing is asked for: by the user's own factor, or the average user's for a newcomer;
    what the engine knows of the history is left out.

    Parameters
    ----------
    rec : Recommender
        Fitted on what is not hidden.
    facts : ItemFacts
        Of the same recommender.
    seekers : sequence of Seeker
        Users.
    n : int
        Length of the lists, at least 1.

    Returns
    -------
    tuple of int or None
        Place from 1 of the first target, None where the list has none.
    """
    retriever = Retriever(rec, facts)
    places: list[int | None] = []
    for seeker in seekers:
        basis: dict[int, float] = {}
        taste = retriever.taste(())
        if not seeker.is_newcomer:
            taste, past = rec.user_vector(seeker.user), rec.history(seeker.user)
            rows = rec.items.rows(past.column("item_id")).tolist()
            basis = dict(zip(rows, past.column("weight").to_pylist(), strict=True))
        listed = retriever.fetch(taste, basis, State(), n, basis=basis).rows.tolist()
        found = (place for place, row in enumerate(listed, 1) if row in seeker.targets)
        places.append(next(found, None))
    return tuple(places)


def catalogue_only(rec: Recommender) -> Recommender:
    """The same items and users, ranked by popularity: what a filter over a catalogue can do.

    Every user has the same single factor, every item its number of users, so that no list depends
    on what a user did but for what is left out of it. Genres, years, people and titles of the
    catalogue are all there for a conversation to ask for.

    Parameters
    ----------
    rec : Recommender
        Whose interactions and catalogue are taken.
    """
    events: Interactions = rec.interactions
    counts = np.bincount(events.matrix.indices, minlength=events.n_items).astype(np.float32)
    model = AlternatingLeastSquares(factors=1, random_state=0)
    model.user_factors = np.ones((events.n_users, 1), np.float32)
    # Ties go to the lower row on every machine; nothing weighs nothing.
    model.item_factors = ((1 + counts) / (1 + counts.max()))[:, None].astype(np.float32)
    cold = np.zeros((len(rec.items) - events.n_items, 1), np.float32)
    return Recommender(
        events, model, items=rec.items, cold_factors=cold, index="exact", catalogue=rec.catalogue
    )
