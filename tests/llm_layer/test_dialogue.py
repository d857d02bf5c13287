"""What holds from turn to turn, what is fetched for it, and in which order it is offered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conversation_doubles import row_of

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.dialogue import Constraints, State
from llm_layer.plan import Planner, Visitor
from llm_layer.profile import Profiler, UserProfile
from llm_layer.rerank import BlendReranker, Wish
from llm_layer.retrieve import Candidates, Retriever
from llm_layer.understanding.understand import Understanding
from recsys.recommender import Recommender


@pytest.fixture
def understanding(facts: ItemFacts, genre_words: GenreWords) -> Understanding:
    return Understanding(facts, genre_words)


def after(understanding: Understanding, facts: ItemFacts, *messages: str) -> State:
    """State after messages; each is answered with Fargo (1996) and Airplane! (1980)."""
    state = State()
    for message in messages:
        request = understanding.read(message, state.language, in_talk=bool(state.last))
        state.take(request, facts)
        state.recommended([row_of(13), row_of(24)])
    return state


def test_constraints_gather(understanding: Understanding, facts: ItemFacts) -> None:
    state = after(understanding, facts, "a comedy", "from the 90s", "no horror", "two films")
    assert state.constraints == Constraints(("Comedy",), ("Horror",), (1990, 1999))
    assert state.count == 2


def test_a_new_genre_takes_the_place_of_the_old_one(
    understanding: Understanding, facts: ItemFacts
) -> None:
    assert after(understanding, facts, "a comedy", "a western").constraints.genres == ("Western",)
    both = after(understanding, facts, "a comedy", "also with some crime").constraints.genres
    assert both == ("Comedy", "Crime")


def test_the_last_word_counts(understanding: Understanding, facts: ItemFacts) -> None:
    state = after(understanding, facts, "no comedy", "a comedy after all")
    assert (state.constraints.genres, state.constraints.no_genres) == (("Comedy",), ())
    state = after(understanding, facts, "a comedy", "no comedy")
    assert (state.constraints.genres, state.constraints.no_genres) == ((), ("Comedy",))
    state = after(understanding, facts, "like Heat", "not like Heat")
    assert (state.like, state.unlike) == ([], [row_of(10)])


def test_what_is_told_of_a_taste_is_no_order(
    understanding: Understanding, facts: ItemFacts
) -> None:
    state = after(
        understanding, facts, "I mostly watch comedies from the 90s", "我平时喜欢看西部片"
    )
    assert state.constraints == Constraints()
    assert state.habits == {"Comedy": 1.0, "1990-1999": 1.0, "Western": 1.0}
    assert not state.mood
    # Said once more as an order, it is one; a correction takes habits back as well.
    assert after(understanding, facts, "a comedy").constraints.genres == ("Comedy",)
    asked = after(understanding, facts, "I usually watch comedies, but tonight I want a western")
    assert (asked.constraints.genres, asked.habits) == (("Western",), {})
    taken_back = after(understanding, facts, "I mostly watch comedies", "no, I meant a western")
    assert not taken_back.habits
    stored = State.from_dict(state.to_dict(facts), facts)
    assert stored.habits == state.habits


@pytest.mark.parametrize(
    ("message", "is_pursued"),
    [
        ("I loved Heat. What should I watch next?", False),
        ("I have seen Heat and loved it. What else?", False),
        ("我很喜欢《Heat》，接下来看什么？", False),
        ("something like Heat", True),
        ("I loved Heat, anything similar?", True),
        ("想看类似《Heat》的", True),
    ],
)
def test_more_like_an_example_is_only_pursued_where_it_is_asked_for(
    understanding: Understanding, facts: ItemFacts, message: str, is_pursued: bool
) -> None:
    state = after(understanding, facts, message)
    assert state.like == [row_of(10)]
    assert state.pursued == ((row_of(10),) if is_pursued else ())
    assert state.told == ([] if is_pursued else [row_of(10)])
    assert State.from_dict(state.to_dict(facts), facts).told == state.told


def test_what_is_turned_down_in_a_list_is_told_from_what_is_disliked(
    understanding: Understanding, facts: ItemFacts
) -> None:
    shown = [row_of(13), row_of(24)]
    state = after(understanding, facts, "a comedy", "none of these")
    assert (state.unlike, state.turned_down) == (shown, shown)
    state = after(understanding, facts, "a comedy", "none of these", "nothing like Fargo")
    assert (state.unlike, state.turned_down) == (shown, [row_of(24)])
    assert State.from_dict(state.to_dict(facts), facts).turned_down == [row_of(24)]


def test_an_example_is_pursued_until_something_else_is_asked_for(
    understanding: Understanding, facts: ItemFacts
) -> None:
    heat, fargo = row_of(10), row_of(13)
    state = after(understanding, facts, "like Heat")
    assert (state.like, state.pursued) == ([heat], (heat,))
    assert State.from_dict(state.to_dict(facts), facts).pursued == (heat,)
    assert after(understanding, facts, "like Heat", "show me others").pursued == (heat,)
    state = after(understanding, facts, "like Heat", "more like the first one")
    assert (state.like, state.pursued) == ([heat, fargo], (fargo,))
    for narrower in ("no horror", "something older", "only from the 90s"):
        assert after(understanding, facts, "like Heat", narrower).pursued == (heat,), narrower
    for other in ("a comedy", "not like Heat", "something with Tom Hanks"):
        state = after(understanding, facts, "like Heat", other)
        assert state.pursued == (), other
        assert state.like == ([] if "Heat" in other else [heat]), other


def test_older_is_older_than_what_was_shown(understanding: Understanding, facts: ItemFacts) -> None:
    assert after(understanding, facts, "a comedy", "older").constraints.years == (None, 1979)
    assert after(understanding, facts, "a comedy", "something newer").constraints.years == (
        1997,
        None,
    )
    # A new kind of film is not compared with the old list.
    assert after(understanding, facts, "a comedy", "older", "a western").constraints.years == (
        None,
        None,
    )
    # Nothing shown yet: against the middle of the catalogue.
    median = int(np.median(facts.years[facts.years > 0]))
    assert after(understanding, facts, "something older").constraints.years == (None, median - 1)


def test_pointing(understanding: Understanding, facts: ItemFacts) -> None:
    assert after(understanding, facts, "hi", "more like the second one").like == [row_of(24)]
    state = after(understanding, facts, "hi", "not the first one, I've seen it")
    assert row_of(13) in state.refused
    # A question about an item is no wish for more of it.
    assert after(understanding, facts, "hi", "who directed the first one?").like == []
    # There is no third one.
    assert after(understanding, facts, "hi", "more like the third one").like == []


@pytest.mark.parametrize(
    "message",
    ["who directed Titanic?", "do you have Heat?", "I've already seen Titanic", "why Casablanca?",
     "what did I watch last?", "who stars in the first one?"],
)  # fmt: skip
def test_only_wishes_make_examples(
    understanding: Understanding, facts: ItemFacts, message: str
) -> None:
    state = after(understanding, facts, "a comedy", message, "another")
    assert state.like == []
    assert state.unlike == []
    assert state.constraints == Constraints(("Comedy",))
    assert state.mood == ""


def test_what_they_have_seen_is_not_offered_and_not_held_against_it(
    understanding: Understanding, facts: ItemFacts
) -> None:
    state = after(understanding, facts, "I have already seen Titanic")
    assert state.refused == {row_of(20)}
    assert (state.like, state.unlike) == ([], [])


def test_what_is_not_wanted_gathers_until_it_is(
    understanding: Understanding, facts: ItemFacts
) -> None:
    nothing = after(understanding, facts, "nothing from the 90s", "without Tom Hanks", "a comedy")
    assert nothing.constraints.no_years == ((1990, 1999),)
    assert nothing.constraints.no_people == ("tom hanks",)
    back = after(understanding, facts, "nothing from the 90s", "well, from the 90s then")
    assert (back.constraints.years, back.constraints.no_years) == ((1990, 1999), ())
    away = after(understanding, facts, "from the 90s", "nothing from the 90s")
    assert away.constraints.years == (None, None)
    person = after(understanding, facts, "without Tom Hanks", "with Tom Hanks")
    assert (person.constraints.people, person.constraints.no_people) == (("tom hanks",), ())
    no_more = after(understanding, facts, "with Tom Hanks", "without Tom Hanks")
    assert (no_more.constraints.people, no_more.constraints.no_people) == ((), ("tom hanks",))


def test_fewer_and_reset(understanding: Understanding, facts: ItemFacts) -> None:
    assert after(understanding, facts, "five films", "shorter list").count == 2
    state = after(understanding, facts, "a comedy like Heat", "start over")
    assert state.constraints == Constraints()
    assert state.like == []
    assert state.shown  # what was shown is still not shown twice


@pytest.mark.parametrize(
    ("constraints", "ids"),
    [
        (Constraints(("Western",)), {17, 18}),
        (Constraints(("Comedy", "Crime")), {13}),
        (Constraints(("Western", "Horror"), all_genres=False), {15, 17, 18, 25}),
        (Constraints(years=(None, 1954)), {17, 19, 22}),
        (Constraints(years=(1998, 1999)), {11, 14}),
        (Constraints(("Comedy",), ("Romance",), (None, 1996)), {12, 13, 24}),
        (Constraints(people=("ridley scott",)), {15, 16}),
        (Constraints(people=("tom hanks", "ron howard")), {26}),
        (Constraints(people=("nobody",)), set()),
        (Constraints(("Western",), no_years=((1990, 1999),)), {17}),
        (Constraints(("Comedy", "Romance"), no_people=("tom hanks",)), {21, 22}),
        (Constraints(no_years=((1900, 1994), (1996, 1999))), {10, 12, 21}),
    ],
)
def test_the_mask_is_the_constraint(
    facts: ItemFacts, constraints: Constraints, ids: set[int]
) -> None:
    assert set(facts.items(np.flatnonzero(constraints.mask(facts)))) == ids


def fetch(rec: Recommender, facts: ItemFacts, state: State, known: tuple[int, ...] = ()) -> Any:
    return Retriever(rec, facts).fetch(rec.user_vector(1), known, state, 10)


def test_what_is_known_shown_or_refused_never_comes(rec: Recommender, facts: ItemFacts) -> None:
    state = State(shown=[row_of(10)], refused={row_of(11)}, like=[row_of(12)])
    found = fetch(rec, facts, state, (row_of(13), row_of(14)))
    assert set(found.rows) & {row_of(item) for item in (10, 11, 12, 13, 14)} == set()
    assert len(found.rows) == 10
    assert (np.diff(found.scores) <= 0).all()


def test_as_little_as_possible_is_given_up(rec: Recommender, facts: ItemFacts) -> None:
    western = Constraints(("Western",), years=(1970, 1979))
    found = fetch(rec, facts, State(western))
    assert found.given_up == ("years",)
    assert set(facts.items(found.rows)) == {17, 18}
    both = fetch(rec, facts, State(Constraints(("Western", "Horror"))))
    assert both.given_up == ("all_genres",)
    person = fetch(rec, facts, State(Constraints(("Western",), people=("tom hanks",))))
    assert person.given_up == ("people",)
    everything = fetch(rec, facts, State(Constraints(("Comedy", "Crime"), years=(1995, 1999))))
    assert everything.given_up == ()


def test_what_is_not_wanted_is_never_given_up(rec: Recommender, facts: ItemFacts) -> None:
    state = State(Constraints(no_genres=facts.genre_names, years=(1990, 1999)))
    found = fetch(rec, facts, state)
    assert set(facts.items(found.rows)) <= {29}
    everything_else = Constraints(
        ("Western",), no_years=((1900, 1989),), no_people=("clint eastwood",)
    )
    found = fetch(rec, facts, State(everything_else))
    assert found.given_up == ("genres",)
    assert (facts.years[found.rows] >= 1990).all()
    assert row_of(18) not in found.rows


def test_nothing_left(rec: Recommender, facts: ItemFacts) -> None:
    found = fetch(rec, facts, State(shown=list(range(len(facts)))))
    assert found.rows.size == 0


def test_steering_turns_towards_likes_and_away_from_dislikes(
    rec: Recommender, facts: ItemFacts
) -> None:
    def cosine(state: State, row: int) -> float:
        vector, item = fetch(rec, facts, state).vector, rec.item_factors[row]
        return float(vector @ item / np.linalg.norm(vector) / np.linalg.norm(item))

    for row in range(len(facts)):
        plain = cosine(State(), row)
        assert cosine(State(like=[row]), row) >= plain - 1e-6
        assert cosine(State(unlike=[row]), row) <= plain + 1e-6


class _Vectors:
    """Sentence vectors of a catalogue in which every film has a direction of its own."""

    def __init__(self, n: int) -> None:
        self.item_vectors = np.eye(n, dtype=np.float32)

    def encode(self, texts: list[str]) -> np.ndarray:
        assert texts == ["dark"]
        return self.item_vectors[row_of(16)][None]


def candidates(facts: ItemFacts) -> Candidates:
    rows = np.arange(len(facts))
    return Candidates(rows, np.linspace(1, 0, len(rows), dtype=np.float32), np.ones(8, np.float32))


def test_without_a_wish_the_order_is_the_score(rec: Recommender, facts: ItemFacts) -> None:
    ranked = BlendReranker(rec, facts).rerank(candidates(facts), Wish(), UserProfile())
    assert ranked.rows.tolist() == list(range(len(facts)))
    assert set(ranked.parts) == {"score"}


def test_every_candidate_is_kept_and_every_signal_lies_in_its_range(
    rec: Recommender, facts: ItemFacts
) -> None:
    profile = Profiler(facts).profile([row_of(13), row_of(14)])
    wish = Wish((row_of(10),), ("Comedy",))
    ranked = BlendReranker(rec, facts).rerank(candidates(facts), wish, profile)
    assert sorted(ranked.rows) == list(range(len(facts)))
    assert set(ranked.parts) == {"score", "like", "genres", "profile"}
    for part in (*ranked.parts.values(), ranked.scores):
        assert ((part >= 0) & (part <= 1 + 1e-9)).all()
    assert (np.diff(ranked.scores) <= 0).all()


def test_free_words_bring_what_they_describe_to_the_front(
    rec: Recommender, facts: ItemFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rec, "content", _Vectors(len(facts)))
    state = State(mood="dark")
    found = Retriever(rec, facts).fetch(rec.user_vector(1), (), state, 2)
    assert row_of(16) in found.rows
    assert 2 <= len(found.rows) <= 4
    assert (np.diff(found.scores) <= 0).all()
    ranked = BlendReranker(rec, facts).rerank(found, Wish(), UserProfile())
    assert ranked.rows[0] == row_of(16)
    # Constraints hold for what the words bring, too.
    western = State(Constraints(("Western",)), mood="dark")
    found = Retriever(rec, facts).fetch(rec.user_vector(1), (), western, 2)
    assert set(facts.items(found.rows)) <= {17, 18}


def test_a_profile_shows_its_evidence(facts: ItemFacts) -> None:
    history = [row_of(item) for item in (13, 14, 17, 10, 26, 12)]
    profile = Profiler(facts).profile(history, "zh", keywords=False)
    comedy = profile.genres[0]
    assert (comedy.value, comedy.share) == ("Comedy", 4 / 6)
    assert comedy.evidence == (13, 14, 26, 12)
    people = {(trait.kind, trait.value): trait.evidence for trait in profile.people}
    assert people == {("director", "Joel Coen"): (13, 14), ("actor", "Tom Hanks"): (26, 12)}
    assert profile.decades[0].value == "1990s"
    assert profile.language == "zh"
    for trait in (*profile.genres, *profile.people, *profile.decades):
        assert set(trait.evidence) <= set(facts.items(history))
        assert 0 < trait.share <= 1
    assert Profiler(facts).profile([]) == UserProfile()


def test_keywords_come_from_the_descriptions(ml1m_rec: Recommender) -> None:
    facts = ItemFacts(ml1m_rec)
    alien = [row for row in range(len(facts)) if facts.title(row).startswith("Alien")]
    traits = Profiler(facts).profile(alien).keywords
    assert "ripley" in {trait.value for trait in traits}
    for trait in traits:
        for item in trait.evidence:
            assert trait.value in facts.plot(facts.row(item)).lower()


@pytest.mark.parametrize("user", [1, 7, 23])
def test_reasons_are_in_the_history_and_add_to_the_score(
    rec: Recommender, facts: ItemFacts, user: int
) -> None:
    history = rec.items.rows(rec.history(user).column("item_id")).tolist()
    planner = Planner(rec, facts)
    for item in rec.recommend([user], 5).column("item_id").to_pylist():
        row = facts.row(item)
        for reason in planner.reasons(Visitor(user, tuple(history)), row, (), 3):
            assert reason.row in history
            parts = rec.explain(user, item, 50).contributions.to_pylist()
            share = {part["item_id"]: part["contribution"] for part in parts}
            assert share[facts.item(reason.row)] > 0
            assert reason.kind == "watched"
