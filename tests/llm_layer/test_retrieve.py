"""Candidates: what steers them, and what may never be among them."""

from __future__ import annotations

import numpy as np
import pytest

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.dialogue import Constraints, State
from llm_layer.retrieve import Retriever
from recsys.recommender import Recommender


def test_every_row_allowed_is_scored_and_ordered(rec: Recommender, facts: ItemFacts) -> None:
    retriever = Retriever(rec, facts)
    taste = rec.user_vector(1)
    state = State(constraints=Constraints(no_genres=("Drama",)), shown=[2], refused={3})
    found = retriever.fetch(taste, [0, 1], state, 50)
    allowed = ~facts.with_genres(["Drama"])
    allowed[[0, 1, 2, 3]] = False
    assert set(found.rows.tolist()) == set(np.flatnonzero(allowed).tolist())
    np.testing.assert_allclose(found.scores, rec.item_factors[found.rows] @ found.vector, atol=1e-5)
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize("strength", [-1.0, 1.0])
def test_leanings_move_a_kind_of_items(ml1m_rec: Recommender, strength: float) -> None:
    facts = ItemFacts(ml1m_rec)
    retriever = Retriever(ml1m_rec, facts)
    horror = facts.about("Horror")
    shares = []
    liking = np.argsort(-(ml1m_rec.interactions.matrix @ horror[: ml1m_rec.interactions.n_items]))
    for user in ml1m_rec.users.take(liking[[5, 100, 1000]]).to_pylist():
        taste = ml1m_rec.user_vector(user)
        for leanings in ({}, {"Horror": strength}):
            found = retriever.fetch(taste, (), State(leanings=leanings), 40)
            assert len(found.rows) == 40
            shares.append(horror[found.rows].mean())
    before, after = np.array(shares).reshape(3, 2).T
    assert (strength * (after - before) >= 0).all()
    assert strength * (after - before).sum() > 0.1


def test_a_keyword_leans_by_title_and_description(ml1m_rec: Recommender) -> None:
    facts = ItemFacts(ml1m_rec)
    about = facts.about("vampire")
    assert about.sum() > 5
    title = [facts.title(row) for row in np.flatnonzero(about)]
    assert any("Vampire" in name for name in title)
    retriever = Retriever(ml1m_rec, facts)
    taste = ml1m_rec.user_vector(10)
    more = retriever.fetch(taste, (), State(leanings={"vampire": 1.0}), 20).rows
    assert about[more].sum() > about[retriever.fetch(taste, (), State(), 20).rows].sum()


def test_a_leaning_that_nothing_has_changes_nothing(rec: Recommender, facts: ItemFacts) -> None:
    retriever = Retriever(rec, facts)
    taste = rec.user_vector(1)
    plain = retriever.fetch(taste, (), State(), 10)
    leaned = retriever.fetch(taste, (), State(leanings={"(unheard": -1.0}), 10)
    assert leaned.rows.tolist() == plain.rows.tolist()


def test_an_example_is_folded_in_beside_the_history(rec: Recommender, facts: ItemFacts) -> None:
    """Exactly the factor of a user who also took to it ten times as much as to the usual item."""
    history = rec.history(2)
    rows = rec.items.rows(history["item_id"]).tolist()
    basis = dict(zip(rows, history["weight"].to_pylist(), strict=True))
    example = next(row for row in range(len(facts)) if row not in basis)
    state = State(like=[example, rows[0]])
    retriever = Retriever(rec, facts)
    found = retriever.fetch(rec.user_vector(2), rows, state, 5, basis=basis)
    weights = [1.0] * len(rows) + [10.0]
    weights[0] = 11.0
    expected = rec.fold_in(facts.items([*rows, example]), weights)
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(found.vector, expected, atol=1e-6)
    # What is asked for now, in this very turn, counts for more.
    state.pursued = (example,)
    found = retriever.fetch(rec.user_vector(2), rows, state, 5, basis=basis)
    alone = rec.fold_in(facts.items([example]))
    alone /= np.linalg.norm(alone)
    np.testing.assert_allclose(found.vector, 0.4 * expected + 0.6 * alone, atol=1e-6)


def test_examples_bring_what_is_like_them(ml1m_rec: Recommender) -> None:
    """Most while they are asked for; still some when they are only part of the taste."""
    facts = ItemFacts(ml1m_rec)
    retriever = Retriever(ml1m_rec, facts)
    factors = ml1m_rec.item_factors / np.linalg.norm(ml1m_rec.item_factors, axis=1)[:, None]
    near: list[list[float]] = [[], [], []]
    for user in ml1m_rec.users.take([10, 200, 3000]).to_pylist():
        rows = ml1m_rec.items.rows(ml1m_rec.history(user)["item_id"]).tolist()
        basis = dict.fromkeys(rows, 1.0)
        for item in (1, 589, 1214):  # Toy Story, Terminator 2, Alien
            example = facts.row(item)
            states = (State(), State(like=[example]), State(like=[example], pursued=(example,)))
            for state, found in zip(states, near, strict=True):
                taste = ml1m_rec.user_vector(user)
                hits = retriever.fetch(taste, [*rows, example], state, 10, basis=basis).rows
                found.append(float((factors[hits] @ factors[example]).mean()))
    before, told, asked = np.mean(near, axis=1)
    assert told > before + 0.05
    assert asked > told + 0.05


def test_a_keyword_leans_the_genres_that_it_is_usual_in(ml1m_rec: Recommender) -> None:
    facts = ItemFacts(ml1m_rec)
    retriever = Retriever(ml1m_rec, facts)

    def share(leanings: dict[str, float], genres: list[str]) -> float:
        taste = ml1m_rec.user_vector(7)
        rows = retriever.fetch(taste, (), State(leanings=leanings), 40).rows
        return float(facts.with_genres(genres)[rows].mean())

    rough = ["Action", "War", "Horror"]
    assert share({"violent": -0.5}, rough) < share({}, rough) < share({"violent": 0.5}, rough)
    assert share({"light": 0.8}, ["Comedy"]) > share({}, ["Comedy"])
