"""What conversations are held against: one list without a word, and a catalogue without a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llm_layer.evaluation.hiding import Seeker
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender


def one_shot_places(rec: Recommender, seekers: Sequence[Seeker], n: int) -> tuple[int | None, ...]:
    """Where a target stands in each user's list of `n`, without any conversation.

    The same engine, the same user vector and the same exclusions as the first turn of a
    conversation has: the user's own factor, or the average user's for a newcomer; what the engine
    knows of the history is left out.

    Parameters
    ----------
    rec : Recommender
        Fitted on what is not hidden.
    seekers : sequence of Seeker
        Users.
    n : int
        Length of the lists, at least 1.

    Returns
    -------
    tuple of int or None
        Place from 1 of the first target, None where the list has none.
    """
    average = np.asarray(rec.model.user_factors, np.float32).mean(axis=0)
    places: list[int | None] = []
    for seeker in seekers:
        vector = average if seeker.is_newcomer else rec.user_vector(seeker.user)
        known = rec.items.take(np.array(seeker.known, np.int64))
        hits = rec.search(vector, n, exclude=[known])
        listed = hits.ids[0, : int(hits.counts[0])].tolist()
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
