"""What rules mean, written down plainly: one user at a time, over the whole catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from recsys import Recommender


@dataclass
class Meaning:
    """Rules as sets of item rows, for the oracle."""

    allow: set[int] | None = None
    deny: set[int] = field(default_factory=set)
    only: dict[int, set[int]] = field(default_factory=dict)
    denied: set[tuple[int, int]] = field(default_factory=set)
    shown: set[tuple[int, int]] = field(default_factory=set)
    minimum: float = -np.inf
    scale: np.ndarray | float = 1.0
    add: np.ndarray | float = 0.0
    quotas: list[tuple[str, int]] = field(default_factory=list)
    diversify: tuple[float, int] | None = None


def steps(
    world: Recommender, user: int, meaning: Meaning, exclude_seen: bool
) -> list[tuple[str, list[int]]]:
    """The items that each step leaves to `user`."""
    seen = set(world.interactions.matrix[user].indices.tolist()) if exclude_seen else set()
    left = [item for item in range(len(world.items)) if item not in seen]
    found = [("nothing_left", left)]
    left = [
        item
        for item in left
        if (meaning.allow is None or item in meaning.allow)
        and item not in meaning.deny
        and (user not in meaning.only or item in meaning.only[user])
        and (user, item) not in meaning.denied
    ]
    found.append(("rules", left))
    left = [item for item in left if (user, item) not in meaning.shown]
    return [*found, ("not_shown", left)]


def expected(
    world: Recommender,
    user: int,
    n: int,
    meaning: Meaning,
    exclude_seen: bool = True,
    given: list[int] | None = None,
) -> tuple[list[tuple[int, float]], str | None]:
    """Items with scores in the order of the list, and why there are fewer than `n`.

    Of values of MMR that are equal up to rounding, that of `given`, the list to be judged, counts.
    """
    left = steps(world, user, meaning, exclude_seen)
    scores = world.item_factors @ world.model.user_factors[user] * meaning.scale + meaning.add
    left.append(
        ("minimum_score", [item for item in left[-1][1] if scores[item] >= meaning.minimum])
    )
    ranking = sorted(left[-1][1], key=lambda item: (-scores[item], item))
    best: list[int] = []
    if meaning.diversify is not None:
        weight, pool = meaning.diversify
        best = relevant(world, scores, ranking[: max(pool, n)], weight, n, meaning.quotas, given)
    for item in ranking:
        if len(best) < n and item not in best and admitted(world, best, item, meaning.quotas):
            best.append(item)
    reason = next((name for name, items in left if len(items) < n), None)
    if reason is None and len(best) < n:
        reason = "quota"
    return [(item, float(scores[item])) for item in best], reason


def values(world: Recommender, column: str, item: int) -> set[object]:
    """What an item counts for."""
    assert world.catalogue is not None
    value = world.catalogue.column(column)[item].as_py()
    return set(value) if isinstance(value, list) else {value} - {None}


def admitted(world: Recommender, best: list[int], item: int, quotas: list[tuple[str, int]]) -> bool:
    """Whether quotas admit one more item to a list."""
    for column, most in quotas:
        for value in values(world, column, item):
            if sum(value in values(world, column, other) for other in best) >= most:
                return False
    return True


def relevant(
    world: Recommender,
    scores: np.ndarray,
    pool: list[int],
    weight: float,
    n: int,
    quotas: list[tuple[str, int]],
    given: list[int] | None,
) -> list[int]:
    """Maximal marginal relevance, one item at a time."""
    vectors = world.item_factors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    best: list[int] = []
    while len(best) < n:
        worth = {}
        for item in pool:
            if item not in best and admitted(world, best, item, quotas):
                like = max((directions[item] @ directions[other] for other in best), default=0.0)
                worth[item] = (1 - weight) * scores[item] - weight * like
        if not worth:
            break
        top = max(worth, key=lambda item: worth[item])
        if given is not None and len(given) > len(best):
            judged = given[len(best)]
            if worth.get(judged, -np.inf) >= worth[top] - 1e-5:
                top = judged
        best.append(top)
    return best


def compare(
    world: Recommender, lists: object, users: range, wanted: list[tuple[list, str | None]], n: int
) -> None:
    """Hold both tables of `lists` against what the oracle says."""
    rows, short = [], []
    for user, (items, reason) in zip(users, wanted, strict=True):
        for rank, (item, score) in enumerate(items, 1):
            rows.append((f"u{user}", 100 + item, rank, np.float32(score), reason))
        if reason is not None:
            short.append((f"u{user}", n, len(items), reason))
    table = lists.table.drop_columns(["source"])  # type: ignore[attr-defined]
    assert [tuple(row.values()) for row in table.to_pylist()] == rows
    assert [tuple(row.values()) for row in lists.short.to_pylist()] == short  # type: ignore[attr-defined]
