"""Rules about scores and whole lists, alone and with the others, against the oracle."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys import Allow, Deny, Recommender, Where
from recsys.errors import InvalidInputError
from recsys.rules import (
    AllowFor,
    Boost,
    DenyFor,
    Diversify,
    MinimumScore,
    NotShown,
    Quota,
    choosing,
    picking,
    prepare,
    resolve,
)
from recsys.rules.conditions import holds

from .conftest import make_world
from .oracle import Meaning, compare, expected
from .test_personal import ITEMS, USERS, pair, pairs, some_items, table

CONDITIONS = ["stock", "price < 20", "genre = 'war'", "tags has 'a'", "price < 0"]
boosts = st.lists(
    st.tuples(
        st.sampled_from(CONDITIONS), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([-3, 0, 5])
    ),
    max_size=2,
)
quotas = st.lists(
    st.tuples(st.sampled_from(["genre", "maker", "tags", "stock", "price"]), st.integers(1, 3)),
    max_size=2,
)
diversities = st.none() | st.tuples(st.sampled_from([0.0, 0.3, 0.9, 1.0]), st.integers(1, 40))


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 3),
    n=st.integers(1, 12),
    seen=st.booleans(),
    minimum=st.none() | st.integers(-6, 6),
    boosted=boosts,
    limits=quotas,
    diverse=diversities,
    allow=some_items,
    only=st.lists(pair, max_size=40),
    denied=pairs,
    shown=pairs,
    cells=st.sampled_from([1, 100, 10**6]),
)
def test_lists_are_what_the_rules_say(
    seed: int, n: int, seen: bool, minimum: Any, boosted: Any, limits: Any, diverse: Any,
    allow: Any, only: Any, denied: Any, shown: Any, cells: int,
) -> None:  # fmt: skip
    world = make_world(seed)
    assert world.catalogue is not None
    scale, add = np.ones(ITEMS), np.zeros(ITEMS)
    for condition, factor, more in boosted:
        where = holds(condition, world.catalogue.table)
        scale[where] *= factor
        add[where] += more
    meaning = Meaning(
        allow=allow,
        only={user: {item for owner, item in only if owner == user} for user, _ in only},
        denied=set(denied or ()),
        shown=set(shown or ()),
        minimum=-np.inf if minimum is None else minimum,
        scale=scale,
        add=add,
        quotas=limits,
        diversify=diverse,
    )
    rules: list[Any] = [Boost(*each) for each in boosted]
    rules += [Quota(*each) for each in limits]
    rules += [] if minimum is None else [MinimumScore(minimum)]
    rules += [] if diverse is None else [Diversify(*diverse)]
    rules += [] if allow is None else [Allow([100 + item for item in allow])]
    rules += [AllowFor(table(only))] if only else []
    rules += [] if denied is None else [DenyFor(table(denied))]
    if shown is not None:
        times = pa.array(np.full(len(shown), 10**9))
        rules.append(NotShown(table(shown, timestamp=times), 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picking, "_EXCLUDED_CELLS", cells)
        patch.setattr(choosing, "_VECTOR_CELLS", cells)
        lists = world.lists(np.arange(USERS), n, seen, rules)
    wanted = []
    for user in range(USERS):
        mine = lists.table.filter(pa.compute.field("user_id") == f"u{user}")
        judged = [item - 100 for item in mine["item_id"].to_pylist()]
        wanted.append(expected(world, user, n, meaning, seen, judged))
    compare(world, lists, range(USERS), wanted, n)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.sampled_from([3, 10, 25]),
    limits=st.lists(
        st.tuples(st.sampled_from(["genre", "maker", "tags"]), st.integers(1, 9)),
        min_size=1,
        max_size=3,
    ),
)
def test_quotas_reach_far_down_the_ranking(seed: int, n: int, limits: Any) -> None:
    world = make_world(seed, users=5, warm=400, cold=20)
    lists = world.lists(np.arange(5), n, rules=[Quota(*each) for each in limits])
    wanted = [expected(world, user, n, Meaning(quotas=limits)) for user in range(5)]
    compare(world, lists, range(5), wanted, n)


def test_a_weight_of_zero_is_the_order_by_score(world: Recommender) -> None:
    plain = world.lists(np.arange(USERS), 6).table
    assert world.lists(np.arange(USERS), 6, rules=[Diversify(0, pool=9)]).table.equals(plain)


def test_diversity_lowers_the_likeness_within_lists(world: Recommender) -> None:
    def likeness(*rules: Any) -> float:
        total = 0.0
        for user in range(USERS):
            items = world.lists(np.array([user]), 5, rules=rules).table["item_id"].to_numpy() - 100
            vectors = world.item_factors[items]
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
            total += float((vectors @ vectors.T).sum())
        return total

    assert likeness(Diversify(1.0)) < 0.5 * likeness()


def test_boosts_are_for_visitors_too(world: Recommender) -> None:
    plain = world.recommend_from([101, 105], n=30)
    lifted = world.recommend_from([101, 105], n=30, rules=[Boost("genre = 'war'", add=2.0)])
    assert world.catalogue is not None
    war = dict(
        zip(world.items.ids.to_pylist(), holds("genre = 'war'", world.catalogue.table), strict=True)
    )
    before = dict(zip(plain["item_id"].to_pylist(), plain["score"].to_pylist(), strict=True))
    after = dict(zip(lifted["item_id"].to_pylist(), lifted["score"].to_pylist(), strict=True))
    assert before.keys() == after.keys()
    for item, score in after.items():
        assert score == pytest.approx(before[item] + 2.0 * bool(war[item]), abs=1e-5)


RULES = [
    Boost("stock", factor=1.5, add=-1.0),
    MinimumScore(0.5),
    Quota("genre", 2),
    Quota("tags", 3),
    Diversify(0.2, 12),
    DenyFor(table([(0, 1), (3, 2)])),
    AllowFor(table([(2, 1), (2, 2)])),
    NotShown(table([(0, 1), (3, 2)], timestamp=[1, 2]), 3),
    Where("price < 40"),
    Deny([101]),
]


def test_prepared_rules_travel(world: Recommender) -> None:
    made = prepare(RULES, world)
    here = world.lists(np.arange(USERS), 6, rules=made)
    sent = pickle.loads(pickle.dumps(made))
    fresh = prepare(RULES, world)
    assert len(pickle.dumps(made)) == len(pickle.dumps(fresh))  # the boosted vectors stay behind
    assert sent.sha256 == made.sha256 == prepare(RULES[::-1], world).sha256
    there = world.lists(np.arange(USERS), 6, rules=sent)
    assert there.table.equals(here.table)
    assert there.short.equals(here.short)
    assert made.bytes > prepare(RULES[1:], world).bytes
    assert made.work_bytes > prepare(RULES[:2], world).work_bytes == 0
    assert (made.row_bytes(np.arange(3), 20) > made.row_bytes(np.arange(3), 2)).all()


def test_each_rule_shows_in_the_checksum(world: Recommender) -> None:
    digests = {prepare(RULES[:place] + RULES[place + 1 :], world).sha256 for place in range(10)}
    assert len(digests | {prepare(RULES, world).sha256}) == 11


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (MinimumScore(float("nan")), r"MinimumScore \(rule 1\): value is nan"),
        (Boost("stock", factor=0), "Boost 'stock': factor is 0"),
        (Boost("stock", add=1e60), "add is 1e\\+60, expected a finite number"),
        (Boost("stok", add=1), "did you mean stock"),
        (Quota("genre", 0), "Quota 'genre': most is 0"),
        (Quota("color", 1), "no column 'color'; its columns are: item_id, genre"),
        (Diversify(1.5), "weight is 1.5"),
        (Diversify(0.5, pool=0), "pool is 0"),
        (Diversify("much"), "weight is 'much'"),  # type: ignore[arg-type]
    ],
)
def test_what_is_out_of_range_is_refused(world: Recommender, rule: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        prepare([rule], world)


def test_rules_that_are_more_than_item_rows_are_prepared(world: Recommender) -> None:
    with pytest.raises(InvalidInputError, match=r"Quota 'genre' does not come to item rows alone"):
        resolve([Quota("genre", 1)], world)


def test_one_diversify_is_enough(world: Recommender) -> None:
    with pytest.raises(InvalidInputError, match="there is another Diversify"):
        prepare([Diversify(0.1), Diversify(0.2)], world)


def test_quotas_need_an_item_table() -> None:
    world = make_world()
    world.catalogue = None
    for rule in (Quota("genre", 1), Boost("stock"), Where("stock")):
        with pytest.raises(InvalidInputError, match="needs an item table"):
            prepare([rule], world)


def test_a_boost_of_nothing_is_noted(world: Recommender) -> None:
    assert "nothing is boosted" in prepare([Boost("price < 0", add=1)], world).notes[0]
