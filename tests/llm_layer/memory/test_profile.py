from __future__ import annotations

import json
import time as clock
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from conversation_doubles import FILMS, row_of

from llm_layer import Concierge
from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.keywords import Keywords
from llm_layer.memory import Entry, Evidence, Store
from llm_layer.memory.activity import Decay, leanings
from llm_layer.memory.listing import listing
from llm_layer.memory.memory import Kept
from llm_layer.memory.statements import Statement
from llm_layer.profile import Profiler
from recsys.als import AlternatingLeastSquares
from recsys.content import Content, ContentEncoder
from recsys.errors import InvalidInputError
from recsys.interactions import Interactions
from recsys.recommender import Recommender

DAY = 86400.0
PLOTS = {
    10: "A detective hunts bank robbers across the city.",
    13: "A pregnant detective's hunt for kidnappers in the snow.",
    16: "A detective hunts androids in a rainy city.",
    11: "A hacker learns that the world is a simulation.",
    17: "A marshal faces outlaws alone at noon.",
    18: "An old outlaw takes one last job.",
    12: "A pregnant toy.",
}


@pytest.fixture(scope="module")
def described() -> Recommender:
    """The catalogue with plots and sentence vectors: orthogonal but for the detectives."""
    items = [film[0] for film in FILMS]
    table = pa.table(
        {
            "item_id": items,
            "title": [film[1] for film in FILMS],
            "genres": [film[3] for film in FILMS],
            "director": [film[4] for film in FILMS],
            "plot": [PLOTS.get(item, "") for item in items],
        }
    )
    matrix = sp.random(12, len(FILMS), 0.4, "csr", random_state=1, dtype=np.float32)
    matrix.data[:] = 1
    rec = Recommender.fit(
        Interactions.from_csr(matrix, item_ids=items),
        items=table,
        model=AlternatingLeastSquares(4, iterations=2, random_state=1, num_threads=1),
    )
    vectors = np.eye(len(FILMS), 32, dtype=np.float32)
    rec.content = Content(vectors, ContentEncoder("none"))
    return rec


def entry(kind: Any, value: Any, strength: float, time: float, **more: Any) -> Entry:
    return Entry(int(time) + 1, kind, str(value), value, strength, time, (1,), **more)


def test_shares_are_counts_where_all_items_weigh_the_same(facts: ItemFacts) -> None:
    rows = [row_of(item) for item in (13, 14, 12, 10)]
    profile = Profiler(facts).profile(rows, keywords=False)
    assert [(one.value, one.share) for one in profile.genres][:2] == [
        ("Comedy", 0.75),
        ("Crime", 0.5),
    ]
    assert profile.genres[0].evidence == (13, 14, 12)
    assert [(one.kind, one.value, one.share) for one in profile.people] == [
        ("director", "Joel Coen", 0.5)
    ]
    assert profile.decades[0].value == "1990s"
    assert profile.topics == profile.genres


def test_newer_items_count_more(facts: ItemFacts) -> None:
    profiler = Profiler(facts, Decay(history=10))
    history = pa.table({"item_id": [12, 17], "timestamp": [int(30 * DAY), 0]})
    given = profiler.weights(history)
    assert given == (1.0, 0.125)
    in_milliseconds = history.set_column(
        1, "timestamp", pa.array([int(2e12), int(2e12 - 30 * DAY * 1000)])
    )
    assert profiler.weights(in_milliseconds) == pytest.approx(given)
    rows = [row_of(12), row_of(17)]
    profile = profiler.profile(rows, keywords=False, weights=dict(zip(rows, given, strict=True)))
    shares = {one.value: one.share for one in profile.genres}
    assert shares["Comedy"] == pytest.approx(1 / 1.125)
    assert shares["Western"] == pytest.approx(0.125 / 1.125)


def test_keywords_are_what_the_catalogue_has_seldom(described: Recommender) -> None:
    profiler = Profiler(ItemFacts(described))
    profile = profiler.profile([row_of(item) for item in (10, 13, 16, 11)])
    words = {one.value: one for one in profile.keywords}
    assert next(iter(words)) == "detective"
    assert words["detective"].share == 0.75
    assert words["detective"].evidence == (10, 13, 16)
    assert words["detective"].weight == 1.0
    assert {"hunts", "city"} <= set(words)
    assert "hacker" not in words  # a single item is no taste
    # in two items, but nobody's to infer from what they chose
    rows = [row_of(13), row_of(12)]
    assert "pregnant" not in {one.value for one in profiler.profile(rows).keywords}


def test_the_embedding_is_the_weighted_sum_of_word_vectors(described: Recommender) -> None:
    facts = ItemFacts(described)
    bag = Keywords.of(facts)
    profile = Profiler(facts).profile([row_of(10), row_of(16)])
    assert profile.embedding is not None
    weights = bag.of_rows(np.array([row_of(10), row_of(16)]), np.ones(2))
    weights[bag.counts(np.array([row_of(10), row_of(16)])) < 2] = 0
    expected = np.zeros(32)
    for code in np.flatnonzero(weights):
        vector = np.asarray(bag.weights[:, code].T @ facts.vectors).ravel()
        expected += weights[code] * vector / np.linalg.norm(vector)
    np.testing.assert_allclose(
        profile.embedding, expected / np.linalg.norm(expected), rtol=1e-5, atol=1e-6
    )
    near = facts.vectors @ profile.embedding
    assert set(np.argsort(-near)[:2].tolist()) == {row_of(10), row_of(16)}
    assert Profiler(facts).profile([row_of(19)]).embedding is None


def test_searches_and_statements_bring_words_of_their_own(described: Recommender) -> None:
    facts = ItemFacts(described)
    kept = Kept(entries=(entry("keyword", "outlaws", 1.0, 0.0),))
    profile = Profiler(facts).profile([], kept=kept, now=0.0)
    assert [one.value for one in profile.keywords] == []  # of one item: not in the vocabulary
    kept = Kept(entries=(entry("keyword", "detective", 1.0, 0.0),))
    [trait] = Profiler(facts).profile([], kept=kept, now=0.0).keywords
    assert (trait.value, trait.share, trait.sources) == ("detective", 0.0, (1,))
    disliked = Kept(entries=(entry("keyword", "detective", -1.0, 0.0),))
    rows = [row_of(10), row_of(16)]
    words = [one.value for one in Profiler(facts).profile(rows, kept=disliked, now=0.0).keywords]
    assert "city" in words
    assert "detective" not in words


def test_statements_fade_and_wishes_give_way() -> None:
    decay = Decay(stated=100, wish=10)
    loved = entry("genre", "Horror", 1.0, 0.0)
    wish = entry("genre", "Horror", -0.5, 100 * DAY, source="wish")
    assert leanings([loved], decay, 100 * DAY) == {"Horror": 0.5}
    assert leanings([loved, wish], decay, 100 * DAY) == {"Horror": pytest.approx(-0.25)}
    later = leanings([loved, wish], decay, 200 * DAY)["Horror"]
    assert later == pytest.approx(0.25, abs=0.01)
    with pytest.raises(InvalidInputError, match="wish"):
        Decay(wish=0)


def test_topics_join_all_evidence(facts: ItemFacts) -> None:
    rows = [row_of(17), row_of(18), row_of(24)]  # two westerns, a comedy
    profiler = Profiler(facts)
    kept = Kept(entries=(entry("genre", "Western", -1.0, 0.0), entry("genre", "Horror", 1.0, 1.0)))
    profile = profiler.profile(rows, keywords=False, kept=kept, now=1.0)
    topics = [one.value for one in profile.topics]
    assert "Western" not in topics
    assert topics[0] == "Horror"
    assert profile.genres[0].value == "Western"  # the history is what it is
    assert profile.topics[0].sources == (1,)
    searched = Evidence(7, "search", "a slow western", None, "api", 0.0)
    viewed = Evidence(8, "view", "", 15, "api", 0.0)  # horror and sci-fi
    kept = Kept(evidence=(searched, viewed))
    topics = {one.value: one for one in profiler.profile([], kept=kept, now=0.0).topics}
    assert set(topics) == {"Western", "Horror", "Sci-Fi"}
    assert topics["Western"].sources == (7,)
    assert topics["Horror"].sources == (8,)


def test_the_later_word_holds_and_the_older_is_kept(store: Store) -> None:
    def say(strength: float, time: float, source: Any = "stated") -> int:
        evidence = store.note("ann", "like" if strength > 0 else "dislike", text="…", time=time)
        assert evidence is not None
        statement = Statement("genre", "Horror", "Horror", strength, "…", source)
        return store.entries.add("ann", statement, [evidence], time)

    def holding() -> list[float]:
        return [one.strength for one in store.entries.of("ann")]

    first = say(-0.7, 10)
    assert holding() == [-0.7]
    second = say(1.0, 20)
    assert holding() == [1.0]
    [_, old] = store.entries.of("ann", superseded=True)
    assert (old.number, old.superseded_by, old.strength) == (first, second, -0.7)
    say(0.7, 30)  # said again: confirmed, with more evidence
    [entry] = store.entries.of("ann")
    assert (entry.number, entry.strength, len(entry.evidence), entry.time) == (second, 1.0, 2, 30)
    say(-1.0, 15)  # told late, but older than what holds
    assert holding() == [1.0]
    say(-0.5, 40, "wish")  # a wish leaves what they stated
    assert sorted(holding()) == [-0.5, 1.0]
    say(-1.0, 50)
    assert holding() == [-1.0]


def test_what_has_no_evidence_is_no_entry(store: Store) -> None:
    statement = Statement("fact", "vegetarian", "vegetarian", 1.0, "")
    store.note("ben", "search", text="x")
    other = store.note("ann", "fact", text="I'm a vegetarian")
    assert other is not None
    with pytest.raises(InvalidInputError, match="rests on evidence"):
        store.entries.add("ben", statement, [], 0.0)
    with pytest.raises(InvalidInputError, match="none of this user"):
        store.entries.add("ben", statement, [other], 0.0)
    assert store.entries.of("ben") == []
    store.entries.add("ann", statement, [other], 0.0)
    store.set_consent("ann", remember_profile=False)  # takes the evidence, and so the entry
    assert store.entries.of("ann", superseded=True) == []


def test_the_profile_of_a_conversation(concierge: Concierge, store: Store) -> None:
    talk = concierge.open(1)
    talk.say("I'm a vegetarian and I hate gore")
    talk.say("I love horror, and I loved Alien")
    store.note(1, "view", item=16, source="shop")
    profile = concierge.profile(talk.visitor, "en")
    assert {(one.kind, one.value) for one in profile.entries} == {
        ("fact", "vegetarian"),
        ("keyword", "gore"),
        ("genre", "Horror"),
        ("item", 15),
    }
    assert profile.leanings["gore"] < -0.9
    assert profile.leanings["Horror"] > 0.9
    assert profile.liked == (row_of(15),)
    numbers = {one.number for one in store.evidence(1)}
    assert all(set(one.evidence) <= numbers and one.evidence for one in profile.entries)
    told = json.loads(json.dumps(profile.to_dict(concierge.facts)))
    assert told["liked"] == [15]
    assert told["style"]["language"] == "en"
    lines = listing(profile, concierge.facts, store.evidence(1))
    text = "\n".join(lines)
    assert "likes: Horror (+1.0) — said “I love horror" in text
    assert "states: vegetarian — said “I'm a vegetarian" in text
    assert "likes: “Alien”" in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("no horror", "I love horror"),
        ("I hate horror", "I love horror"),
        ("不要恐怖片", "我喜欢恐怖片"),
    ],
)
def test_a_later_love_outweighs_an_earlier_no(
    concierge: Concierge, store: Store, before: str, after: str
) -> None:
    concierge.open(1).say(before)
    assert concierge.open(1).state.leanings["Horror"] <= -0.4
    concierge.open(1).say(after)
    assert concierge.open(1).state.leanings["Horror"] >= 0.6
    [now, old] = store.entries.of(1, superseded=True)
    assert old.superseded_by == now.number
    assert old.evidence  # it is kept with what showed it
    lines = listing(
        concierge.profile(concierge.open(1).visitor, "en"),
        concierge.facts,
        store.evidence(1),
        store.entries.of(1, superseded=True),
    )
    assert any(line.startswith("no longer: ") and before in line for line in lines)


def test_known_histories_are_worked_out_once(concierge: Concierge) -> None:
    visitor = concierge.open(3).visitor
    first = concierge.profile(visitor, "en")
    assert concierge.profile(visitor, "zh").genres is first.genres
    concierge.forget("nobody")
    assert concierge.profile(visitor, "en").genres == first.genres


def test_half_lives_are_set_where_the_concierge_is_made(rec: Recommender, store: Store) -> None:
    statement = Statement("genre", "Horror", "Horror", 1.0, "")
    now = clock.time()
    evidence = store.note(1, "like", text="I love horror", time=now - 20 * DAY)
    assert evidence is not None
    store.entries.add(1, statement, [evidence], now - 20 * DAY)
    for days, expected in ((20.0, 0.5), (10.0, 0.25)):
        concierge = Concierge(rec, None, store=store, decay=Decay(stated=days))
        leaning = concierge.profile(concierge.open(1).visitor, "en").leanings["Horror"]
        assert leaning == pytest.approx(expected, abs=0.01)
