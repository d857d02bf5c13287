"""Rules about scores and about lists as a whole: checked, and made ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from recsys.errors import InvalidInputError
from recsys.retrieval.base import check_count
from recsys.rules.conditions import matching
from recsys.rules.kinds import Boost, Diversify, MinimumScore, Quota, Rule
from recsys.rules.quotas import join_quotas, values_of
from recsys.rules.sources import Ledger

if TYPE_CHECKING:
    from recsys.recommender import Recommender

Floats: TypeAlias = npt.NDArray[np.float32]

_LARGEST = float(np.finfo(np.float32).max)


def scoring_fields(
    named: Sequence[tuple[str, Rule]], recommender: Recommender, ledger: Ledger
) -> dict[str, Any]:
    """Fields of `Prepared` for MinimumScore, Boost, Quota and Diversify."""
    fields: dict[str, Any] = {}
    quotas: list[tuple[tuple[str, int], sp.csr_matrix]] = []
    for name, rule in named:
        if isinstance(rule, MinimumScore):
            value = _number(rule.value, f"{name}: value")
            fields["minimum"] = max(value, fields.get("minimum", value))
        elif isinstance(rule, Boost):
            _boost(rule, name, recommender, fields, ledger)
        elif isinstance(rule, Quota):
            quotas.append(_quota(rule, name, recommender))
        elif isinstance(rule, Diversify):
            if "diversify" in fields:
                raise InvalidInputError(f"{name}: there is another Diversify; give one")
            fields["diversify"] = _checked(rule, name, recommender)
    quotas.sort(key=lambda quota: quota[0])
    fields["quotas"] = join_quotas([(matrix, most) for (_, most), matrix in quotas])
    return fields


def _boost(
    rule: Boost, name: str, recommender: Recommender, fields: dict[str, Any], ledger: Ledger
) -> None:
    size = len(recommender.items)
    rows = np.arange(size)
    if rule.where is not None:
        rows = matching(rule.where, recommender.catalogue, name)
    if not rows.size:
        ledger.notes.append(f"{name}: the condition holds for no item, so nothing is boosted")
    factor = _amounts(rule.factor, "factor", name, recommender, rows, 1.0)
    add = _amounts(rule.add, "add", name, recommender, rows, 0.0)
    low = np.flatnonzero(factor <= 0)
    if low.size:
        raise InvalidInputError(
            f"{name}: factor is {factor[low[0]]:g} for {low.size:,} items, such as "
            f"{recommender.items.take(rows[low[:1]])[0].as_py()!r}; expected numbers above 0"
        )
    if (factor != 1).any():
        fields.setdefault("scale", np.ones(size, np.float32))[rows] *= factor
    if (add != 0).any():
        fields.setdefault("add", np.zeros(size, np.float32))[rows] += add


def _amounts(
    value: float | str,
    what: str,
    name: str,
    recommender: Recommender,
    rows: npt.NDArray[np.int64],
    neutral: float,
) -> Floats:
    """A number for each of the item `rows`; `neutral` where a column has none."""
    if not isinstance(value, str):
        number = _number(value, f"{name}: {what}")
        if what == "factor" and number <= 0:
            raise InvalidInputError(f"{name}: factor is {value!r}, expected a number above 0")
        return np.full(len(rows), number, np.float32)
    if recommender.catalogue is None:
        raise InvalidInputError(f"{name} needs an item table; fit with items=... to give one")
    column = recommender.catalogue.column(value)
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise InvalidInputError(
            f"{name}: {what} is the column {value!r} of type {kind}, expected a column of numbers"
        )
    filled = pc.fill_null(column.cast(pa.float64()), neutral)
    numbers = np.asarray(filled.to_numpy(), np.float64)[rows]
    bad = np.flatnonzero(~(np.abs(numbers) <= np.finfo(np.float32).max))
    if bad.size:
        raise InvalidInputError(
            f"{name}: {what} is {numbers[bad[0]]} for item "
            f"{recommender.items.take(rows[bad[:1]])[0].as_py()!r} (column {value!r}), expected "
            "finite numbers"
        )
    return numbers.astype(np.float32)


def _quota(
    rule: Quota, name: str, recommender: Recommender
) -> tuple[tuple[str, int], sp.csr_matrix]:
    most = check_count(rule.most, f"{name}: most")
    if recommender.catalogue is None:
        raise InvalidInputError(f"{name} needs an item table; fit with items=... to give one")
    column = recommender.catalogue.column(rule.column)
    separator = recommender.catalogue.separators.get(rule.column)
    return (rule.column, most), values_of(column, name, separator)


def _checked(rule: Diversify, name: str, recommender: Recommender) -> Diversify:
    weight = _number(rule.weight, f"{name}: weight")
    if not 0 <= weight <= 1:
        raise InvalidInputError(f"{name}: weight is {weight!r}, expected a number from 0 to 1")
    if rule.by not in ("factors", "content"):
        raise InvalidInputError(f"{name}: by is {rule.by!r}, expected 'factors' or 'content'")
    if rule.by == "content" and recommender.content is None:
        raise InvalidInputError(
            f"{name}: this model has no content vectors; fit with item_text=[...]"
        )
    return Diversify(weight, check_count(rule.pool, f"{name}: pool"), rule.by)


def _number(value: float, what: str) -> float:
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not good or not abs(value) <= _LARGEST:
        raise InvalidInputError(f"{what} is {value!r}, expected a finite number")
    return float(value)
