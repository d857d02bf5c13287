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


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_an_example_is_folded_in_beside_the_history(rec: Recommender, facts: ItemFacts) -> None:
    """The factor of a user who also took to it, near the average by how little that is."""
    history = rec.history(2)
    rows = rec.items.rows(history["item_id"]).tolist()
    basis = dict(zip(rows, history["weight"].to_pylist(), strict=True))
    usual = sum(basis.values()) / len(basis)
    example = next(row for row in range(len(facts)) if row not in basis)
    retriever = Retriever(rec, facts)
    state = State(like=[example], told=[example])
    found = retriever.fetch(rec.user_vector(2), rows, state, 5, basis=basis)
    folded = rec.fold_in(facts.items([*rows, example]), [*basis.values(), usual])
    average = np.asarray(rec.model.user_factors).mean(axis=0)
    expected = unit(unit(folded) + 2 / (2 + len(rows) + 1) * unit(average))
    np.testing.assert_allclose(found.vector, expected, atol=1e-6)
    # What more like was asked for counts as ten, and for more in the turn that asks for it.
    folded = rec.fold_in(facts.items([*rows, example]), [*basis.values(), 10 * usual])
    expected = unit(unit(folded) + 2 / (2 + len(rows) + 1) * unit(average))
    asked = State(like=[example])
    found = retriever.fetch(rec.user_vector(2), rows, asked, 5, basis=basis)
    np.testing.assert_allclose(found.vector, expected, atol=1e-6)
    asked.pursued = (example,)
    found = retriever.fetch(rec.user_vector(2), rows, asked, 5, basis=basis)
    alone = unit(rec.fold_in(facts.items([example])))
    np.testing.assert_allclose(found.vector, 0.4 * expected + 0.6 * alone, atol=1e-6)
    # What they named again is what was known.
    state = State(like=rows[:1], told=rows[:1])
    again = retriever.fetch(rec.user_vector(2), rows, state, 5, basis=basis)
    plain = retriever.fetch(rec.user_vector(2), rows, State(), 5, basis=basis)
    np.testing.assert_allclose(again.vector, plain.vector, atol=1e-6)


def test_examples_bring_what_is_like_them(ml1m_rec: Recommender) -> None:
    """Most while they are asked for; the more, the less else is known."""
    facts = ItemFacts(ml1m_rec)
    retriever = Retriever(ml1m_rec, facts)
    factors = ml1m_rec.item_factors / np.linalg.norm(ml1m_rec.item_factors, axis=1)[:, None]
    near: list[list[float]] = [[], [], [], [], []]
    for user in ml1m_rec.users.take([10, 200, 3000]).to_pylist():
        rows = ml1m_rec.items.rows(ml1m_rec.history(user)["item_id"]).tolist()
        few = dict.fromkeys(rows[:2], 1.0)
        taste = ml1m_rec.fold_in(facts.items(few))
        known = (ml1m_rec.user_vector(user), dict.fromkeys(rows, 1.0))
        for item in (1, 589, 1214):  # Toy Story, Terminator 2, Alien
            example = facts.row(item)
            told = State(like=[example], told=[example])
            asked = State(like=[example], pursued=(example,))
            tried = ((*known, State()), (*known, told), (*known, asked), (taste, few, State()))
            for (vector, basis, state), found in zip(
                (*tried, (taste, few, told)), near, strict=True
            ):
                hits = retriever.fetch(vector, [*rows, example], state, 10, basis=basis).rows
                found.append(float((factors[hits] @ factors[example]).mean()))
    before, told_much, asked_much, before_few, told_few = np.mean(near, axis=1)
    assert told_much > before
    assert asked_much > told_much + 0.05
    assert told_few > before_few + 0.05


def test_what_was_only_turned_down_steers_less_than_what_is_disliked(
    rec: Recommender, facts: ItemFacts
) -> None:
    retriever = Retriever(rec, facts)
    history = rec.history(2)
    rows = rec.items.rows(history["item_id"]).tolist()
    basis = dict(zip(rows, history["weight"].to_pylist(), strict=True))
    taste = rec.user_vector(2)
    row = int(retriever.fetch(taste, rows, State(), 5, basis=basis).rows[0])
    away = unit(rec.item_factors[row])

    def towards(state: State) -> float:
        return float(unit(retriever.fetch(taste, rows, state, 5, basis=basis).vector) @ away)

    plain, weak = towards(State()), towards(State(unlike=[row], turned_down=[row]))
    assert towards(State(unlike=[row])) < weak < plain
    # Without a history there is nothing to fold it in beside.
    average = retriever.taste(())
    left = retriever.fetch(average, (), State(unlike=[row], turned_down=[row]), 5).vector
    assert left @ away < unit(average) @ away


@pytest.mark.parametrize("term", ["Western", "1950-1959", "1990-"])
def test_a_habit_leans_the_list_of_whom_little_is_known_of(
    ml1m_rec: Recommender, term: str
) -> None:
    """And leaves that of somebody with a history nearly as it is."""
    facts = ItemFacts(ml1m_rec)
    retriever = Retriever(ml1m_rec, facts)
    kind = retriever._kind(term)
    assert 20 < kind.sum() < len(facts) / 1.3
    state = State(habits={term: 1.0})
    average = retriever.taste(())
    before = kind[retriever.fetch(average, (), State(), 40).rows].mean()
    after = kind[retriever.fetch(average, (), state, 40).rows].mean()
    assert before < after < 1
    user = ml1m_rec.users.take([10]).to_pylist()[0]
    basis = dict.fromkeys(ml1m_rec.items.rows(ml1m_rec.history(user)["item_id"]).tolist(), 1.0)
    fetched = [
        retriever.fetch(ml1m_rec.user_vector(user), basis, one, 40, basis=basis).rows.tolist()
        for one in (State(), state)
    ]
    assert len(set(fetched[0]) & set(fetched[1])) > 30


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
