"""Acts and slots of written messages, in the manners people have of saying each act."""

from __future__ import annotations

import pyarrow as pa
import scipy.sparse as sp
from request_files import messages, slots_of

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.intents import shipped_model
from llm_layer.understanding.understand import Understanding
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

# What nobody says before anything was shown.
AFTER_A_LIST = ("constrain", "critique", "more", "fewer", "accept", "reject")


def reader(rec: Recommender) -> tuple[Understanding, ItemFacts]:
    facts = ItemFacts(rec)
    assert rec.catalogue is not None
    columns = rec.catalogue.table.column_names
    return Understanding(facts, GenreWords(facts.genre_names), columns, shipped_model()), facts


def over(table: pa.Table) -> Recommender:
    """A recommender of a table, every item seen by one user."""
    n = table.num_rows
    matrix = sp.csr_matrix([[1.0] * n, [1.0] * n], dtype="float32")
    ids = table.column("item_id").to_pylist()
    events = Interactions.from_csr(matrix, user_ids=[1, 2], item_ids=ids)
    model = AlternatingLeastSquares(factors=2, iterations=1, num_threads=1, random_state=1)
    return Recommender.fit(events, items=table, model=model)


def wrong(rec: Recommender, name: str) -> tuple[list[str], float, float]:
    """What is read wrongly in a file, the share of right acts, and F1 of the slots."""
    understanding, facts = reader(rec)
    faults: list[str] = []
    total = right = both = found = expected = 0
    for text, act, slots in messages(name):
        request = understanding.read(text, in_talk=act in AFTER_A_LIST)
        mine = slots_of(request, facts)
        total, right = total + 1, right + (request.act == act)
        both += len(mine & slots)
        found, expected = found + len(mine), expected + len(slots)
        if request.act != act or mine != slots:
            faults.append(f"{text}: {request.act} {sorted(mine ^ slots)}")
    return faults, right / total, 2 * both / (found + expected)


def test_films(ml1m_rec: Recommender) -> None:
    faults, accuracy, f1 = wrong(ml1m_rec, "requests_films.tsv")
    assert accuracy >= 0.98, faults
    assert f1 >= 0.97, faults


def courses() -> pa.Table:
    titles = ["Python for Everybody", "Baking Bread", "Street Photography", "Linear Algebra",
              "Data with R", "Portraits at Night", "Algorithms", "Calculus", "Soups"]  # fmt: skip
    kinds = ["Programming", "Cooking", "Photography", "Mathematics", "Programming", "Photography",
             "Programming", "Mathematics", "Cooking"]  # fmt: skip
    levels = ["Beginner", "Beginner", "Intermediate", "Advanced", "Intermediate", "Advanced",
              "Advanced", "Intermediate", "Beginner"]  # fmt: skip
    languages = ["English", "French", "Spanish", "English", "English", "Spanish", "English",
                 "French", "English"]  # fmt: skip
    return pa.table(
        {
            "item_id": list(range(1, 10)),
            "title": titles,
            "category": kinds,
            "level": levels,
            "language": languages,
            "price_usd": [0.0, 25.5, 80.0, 49.0, 30.0, 20.0, 99.0, 45.0, 15.0],
            "hours": [10.0, 4.5, 6.0, 40.0, 12.0, 8.0, 60.0, 35.0, 3.0],
            "rating": [4.8, 4.1, 4.5, 4.9, 3.9, 4.2, 4.7, 4.0, 4.4],
        }
    )


def test_courses() -> None:
    faults, accuracy, f1 = wrong(over(courses()), "requests_courses.tsv")
    assert accuracy >= 0.97, faults
    assert f1 >= 0.97, faults
