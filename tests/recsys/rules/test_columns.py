"""Boosts whose amounts stand in columns, and diversity by what items are about."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from recsys import Recommender, Where
from recsys.catalogue import Catalogue
from recsys.content import Content, ContentEncoder
from recsys.errors import InvalidInputError
from recsys.rules import Boost, Diversify, prepare, read_rules

from .oracle import Meaning, compare, expected, relevant


def with_columns(world: Recommender, **columns: pa.Array) -> Recommender:
    assert world.catalogue is not None
    table = world.catalogue.table
    for name, values in columns.items():
        table = table.append_column(name, values)
    world.catalogue = Catalogue(table)
    return world


@pytest.mark.parametrize("where", [None, "stock"])
def test_amounts_of_columns(world: Recommender, where: str | None) -> None:
    size = len(world.items)
    margin = [None if k % 4 == 0 else (k % 7) - 3 for k in range(size)]
    weight = [None if k % 5 == 0 else 2.0 ** (k % 3 - 1) for k in range(size)]
    with_columns(world, margin=pa.array(margin, pa.int16()), weight=pa.array(weight))
    assert world.catalogue is not None
    stock = np.array(world.catalogue.column("stock"))
    hit = np.ones(size, np.bool_) if where is None else stock
    meaning = Meaning(
        scale=np.where(hit, [1 if w is None else w for w in weight], 1.0),
        add=np.where(hit, [0 if m is None else m for m in margin], 0.0),
    )
    made = prepare([Boost(where, factor="weight", add="margin")], world)
    wanted = [expected(world, user, 6, meaning) for user in range(12)]
    compare(world, world.lists(np.arange(12), 6, rules=made), range(12), wanted, 6)
    parts = [Boost(where, add="margin"), Boost(where, "weight")]
    assert prepare(parts, world).sha256 == made.sha256
    assert pickle.loads(pickle.dumps(made)).sha256 == made.sha256


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Boost(None, factor="genre"), "factor is the column 'genre' of type string"),
        (Boost(None, factor="low"), "factor is -1 for 2 items, such as 103; expected numbers abov"),
        (Boost(None, add="endless"), r"add is inf for item 101 \(column 'endless'\)"),
        (Boost(None, add="magin"), "no column 'magin'"),
        (Boost("stock", factor=0), "factor is 0, expected a number above 0"),
        (Boost("stok", factor=2), "at 'stok', column 1: there is no such column; did you mean st"),
        (Diversify(0.5, by="content"), "no content vectors; fit with item_text"),
        (Diversify(0.5, by="magic"), "by is 'magic', expected 'factors' or 'content'"),  # type: ignore[arg-type]
        (Diversify("much"), r"Diversify \(rule 1\): weight is 'much'"),  # type: ignore[arg-type]
    ],
)
def test_amounts_that_are_none(world: Recommender, rule: Boost, message: str) -> None:
    size = len(world.items)
    low = np.where(np.isin(np.arange(size), [3, 7]), -1.0, 1.0)
    with_columns(world, low=pa.array(low), endless=pa.array([0.0, np.inf] + [1.0] * (size - 2)))
    with pytest.raises(InvalidInputError, match=message):
        prepare([rule], world)


def test_a_bad_amount_outside_the_condition_is_none(world: Recommender) -> None:
    column = pa.array([-1.0 if k % 2 else 2.0 for k in range(len(world.items))])
    even = pa.array([k % 2 == 0 for k in range(len(world.items))])
    with_columns(world, low=column, even=even)
    assert prepare([Boost("even", factor="low")], world).boosts
    assert len(world.recommend(["u1"], rules=[Boost("even", factor="low"), Where("even")])) > 0


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_diversity_by_content(world: Recommender, weight: float) -> None:
    random = np.random.default_rng(5)
    vectors = random.integers(-2, 3, (len(world.items), 3)).astype(np.float32)
    world.content = Content(vectors, ContentEncoder("none"))
    found = world.lists(np.arange(12), 5, False, [Diversify(weight, 12, "content")]).table
    lists = world.items.rows(found["item_id"]).reshape(12, 5).tolist()
    shelf = SimpleNamespace(item_factors=vectors, catalogue=None)
    for user, given in enumerate(lists):
        scores = world.item_factors @ world.model.user_factors[user]
        pool = sorted(range(len(scores)), key=lambda item: (-scores[item], item))[:12]
        assert relevant(shelf, scores, pool, weight, 5, [], given) == given  # type: ignore[arg-type]
    by_factors = prepare([Diversify(weight, 12)], world)
    assert by_factors.sha256 != prepare([Diversify(weight, 12, "content")], world).sha256


def test_columns_and_content_in_a_file(tmp_path: Path) -> None:
    lines = [
        '[[rule]]\nboost = "stock"\nadd = "margin"',
        '[[rule]]\ndiversify = 0.2\nby = "content"',
    ]
    (tmp_path / "rules.toml").write_text("\n".join(lines))
    found = read_rules(tmp_path / "rules.toml")
    assert found == [Boost("stock", add="margin"), Diversify(0.2, by="content")]
    (tmp_path / "rules.toml").write_text('[[rule]]\nboost = "stock"\nadd = true')
    with pytest.raises(InvalidInputError, match="rule 1: add is True, expected a number or a text"):
        read_rules(tmp_path / "rules.toml")
