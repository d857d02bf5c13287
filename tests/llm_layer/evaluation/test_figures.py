"""Figures against examples that are counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.evaluation import Dialogue, Hidden, Resampling, Turn, catalogue_only
from llm_layer.evaluation.baselines import one_shot_places
from llm_layer.evaluation.figures import conduct, latencies, success
from recsys.recommender import Recommender


def turn(*shown: int, move: str = "more", ms: float = 1.0, ok: bool = True, by: str = "template"):
    return Turn(move, "said", "answered", shown, "items", ok, by, {"plan": ms / 2, "total": ms})


DIALOGUES = [
    Dialogue(1, "en", (turn(1, 2, move="ask"), turn(9, move="accept")), 1),
    Dialogue(2, "en", (turn(1, 2, move="genre"), turn(3), turn(4), turn(move="accept")), 3),
    Dialogue(3, "zh", (turn(1, move="ask"), turn(2, 3), turn()), None),
    Dialogue(4, "zh", (turn(5, move="ask"), turn(5), turn(5)), None),
]


def test_success_is_counted_by_turn() -> None:
    found = success(DIALOGUES, [2, None, 4, 11], 3, (3, 10), Resampling(samples=50))
    assert [one.mean for one in found.within] == [0.25, 0.25, 0.5]
    assert found.found_in == (1, 0, 1)
    assert found.turns.mean == (1 + 3 + 3 + 3) / 4
    assert found.shown == (3 + 1) / 2
    assert {k: one.mean for k, one in found.one_shot.items()} == {3: 0.25, 10: 0.5}
    assert {k: one.mean for k, one in found.gain.items()} == {3: 0.25, 10: 0.0}
    assert {name: one.mean for name, one in found.by_language.items()} == {"en": 1.0, "zh": 0.0}
    assert found.users_by_opening == {"ask": 3, "genre": 1}
    assert found.by_opening["ask"].mean == pytest.approx(1 / 3)
    assert found.within[2].low <= 0.5 <= found.within[2].high
    assert found.to_dict()["success_within"]["3"]["mean"] == 0.5


def test_replies_are_counted_farewells_apart() -> None:
    mixed = [*DIALOGUES, Dialogue(5, "en", (turn(1, ok=False, by="llm"),), None)]
    one = conduct(mixed, {"prompt": 130, "completion": 26, "calls": 13})
    assert one.replies == 13
    assert one.grounded == pytest.approx(12 / 13)
    assert one.by_llm == pytest.approx(1 / 13)
    assert one.without_items == 1
    assert one.tokens == {"prompt": 10.0, "completion": 2.0, "calls": 1.0}


def test_latency_is_over_the_replies_that_have_the_stage() -> None:
    replies = [turn(1, ms=float(ms)) for ms in range(1, 101)]
    replies[0] = replace(replies[0], milliseconds={**replies[0].milliseconds, "first_token": 0.0})
    replies.append(Turn("more", "", "", (), "words", True, "llm", {"first_token": 7.0, "odd": 3.0}))
    found = latencies(replies)
    assert list(found) == ["plan", "first_token", "odd", "total"]
    assert found["total"] == pytest.approx((50.5, 95.05, 99.01))
    assert found["first_token"] == (7.0, 7.0, 7.0)


@pytest.mark.parametrize("level", [None, 0])
def test_one_shot_places_are_those_of_the_first_list(
    engine: Recommender, made_facts: ItemFacts, hidden: Hidden, level: int | None
) -> None:
    """By the user's own factor, nearer to the average the less is known; that for a newcomer."""
    seekers = hidden.groups[level]
    places = one_shot_places(engine, made_facts, seekers, 15)
    assert any(places)
    average = np.asarray(engine.model.user_factors).mean(axis=0)
    average /= np.linalg.norm(average)
    for seeker, place in zip(seekers, places, strict=True):
        vector = average
        if seeker.known:
            own = engine.user_vector(seeker.user)
            vector = own / np.linalg.norm(own) + 2 / (2 + len(seeker.known)) * average
        scores = np.asarray(engine.item_factors) @ vector
        scores[list(seeker.known)] = -np.inf
        listed = np.argsort(-scores, kind="stable")[:15].tolist()
        target = seeker.targets[0]
        assert place == (listed.index(target) + 1 if target in listed else None)


def test_a_catalogue_without_a_model_ranks_by_popularity(
    engine: Recommender, hidden: Hidden
) -> None:
    counts = np.bincount(hidden.train.matrix.indices, minlength=hidden.train.n_items)
    bare = catalogue_only(engine)
    for seeker in hidden.groups[None]:
        left = [row for row in np.argsort(-counts, kind="stable") if row not in seeker.known]
        listed = bare.recommend([seeker.user], 5)["item_id"].to_pylist()
        expected = sorted((counts[row] for row in left), reverse=True)[:5]
        assert counts[bare.items.rows(listed)].tolist() == expected
    assert bare.catalogue is engine.catalogue
