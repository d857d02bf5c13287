"""The state of a conversation as JSON, with outside item ids, so that it outlives a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from llm_layer.dialogue import Constraints, State
from recsys.recommender import Recommender

_ROWS = ("like", "unlike", "shown", "refused", "last", "fitting")
_PLAIN = ("mood", "count", "said", "language")


def pack_state(state: State, rec: Recommender) -> dict[str, Any]:
    """A state as JSON can hold it."""
    packed: dict[str, Any] = {name: _ids(getattr(state, name), rec) for name in _ROWS}
    packed |= {name: getattr(state, name) for name in _PLAIN}
    packed["constraints"] = asdict(state.constraints)
    packed["set_aside"] = [
        [item, list(limits)]
        for item, limits in zip(_ids(state.set_aside, rec), state.set_aside.values(), strict=True)
    ]
    return packed


def unpack_state(packed: Mapping[str, Any], rec: Recommender) -> State:
    """What :func:`pack_state` packed; items that the model no longer knows are dropped."""
    state = State(**{name: packed[name] for name in _PLAIN})
    for name in _ROWS:
        kind = type(getattr(state, name))
        setattr(state, name, kind(_rows(packed[name], rec)))
    state.set_aside = {
        row: tuple(limits) for item, limits in packed["set_aside"] for row in _rows([item], rec)
    }
    limits = packed["constraints"]
    state.constraints = Constraints(
        **{
            name: _tupled(value) if isinstance(value, list) else value
            for name, value in limits.items()
        }
    )
    return state


def _ids(rows: Iterable[int], rec: Recommender) -> list[Any]:
    return list(rec.items.take(np.fromiter(rows, np.int64)).to_pylist())


def _rows(ids: Iterable[Any], rec: Recommender) -> list[int]:
    return [row for row in rec.items.find(list(ids)).tolist() if row >= 0]


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
