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
    world: Recommender, user: int, n: int, meaning: Meaning, exclude_seen: bool = True
) -> tuple[list[tuple[int, float]], str | None]:
    """Items with scores, best first, and why there are fewer than `n`."""
    left = steps(world, user, meaning, exclude_seen)
    scores = world.item_factors @ world.model.user_factors[user]
    best = sorted(left[-1][1], key=lambda item: (-scores[item], item))[:n]
    reason = next((name for name, items in left if len(items) < n), None)
    return [(item, float(scores[item])) for item in best], reason


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
