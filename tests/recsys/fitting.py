"""A recommender fitted on real data, and an encoder without a model to load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys import AlternatingLeastSquares, Interactions, Recommender
from recsys.content import ContentEncoder

COLD = [1, 50, 181]  # taken out of the events: in the item table only


class HashedWords(ContentEncoder):
    """A real, if plain, encoder without a model to load: hashed bags of words."""

    def __init__(self) -> None:
        super().__init__("hashed-words")

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), 64), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, sum(word.encode()) % 64] += 1
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(lengths, 1e-9)


def fit_movielens(ml100k: Path) -> Recommender:
    """Fitted on MovieLens 100K without the items of COLD, which are in the item table only."""
    table = pq.read_table(ml100k / "interactions.parquet")
    table = table.filter(pc.invert(pc.is_in(table["item_id"], pa.array(COLD))))
    events = Interactions.from_frame(table, weight="rating", timestamp="timestamp")
    return Recommender.fit(
        events,
        items=pq.read_table(ml100k / "items.parquet"),
        item_text=["movie_title", "class"],
        model=AlternatingLeastSquares(16, 0.1, iterations=5, random_state=1),
        encoder=HashedWords(),
    )
