"""Rules about scores and about lists as a whole: checked, and made ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
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
            fields["diversify"] = _checked(rule, name)
    quotas.sort(key=lambda quota: quota[0])
    fields["quotas"] = join_quotas([(matrix, most) for (_, most), matrix in quotas])
    return fields


def _boost(
    rule: Boost, name: str, recommender: Recommender, fields: dict[str, Any], ledger: Ledger
) -> None:
    factor, add = _number(rule.factor, f"{name}: factor"), _number(rule.add, f"{name}: add")
    if factor <= 0:
        raise InvalidInputError(f"{name}: factor is {rule.factor!r}, expected a number above 0")
    rows = matching(rule.where, recommender.catalogue, name)
    if not rows.size:
        ledger.notes.append(f"{name}: the condition holds for no item, so nothing is boosted")
    size = len(recommender.items)
    if factor != 1:
        fields.setdefault("scale", np.ones(size, np.float32))[rows] *= np.float32(factor)
    if add != 0:
        fields.setdefault("add", np.zeros(size, np.float32))[rows] += np.float32(add)


def _quota(
    rule: Quota, name: str, recommender: Recommender
) -> tuple[tuple[str, int], sp.csr_matrix]:
    most = check_count(rule.most, f"{name}: most")
    if recommender.catalogue is None:
        raise InvalidInputError(f"{name} needs an item table; fit with items=... to give one")
    return (rule.column, most), values_of(recommender.catalogue.column(rule.column), name)


def _checked(rule: Diversify, name: str) -> Diversify:
    weight = _number(rule.weight, f"{name}: weight")
    if not 0 <= weight <= 1:
        raise InvalidInputError(f"{name}: weight is {weight!r}, expected a number from 0 to 1")
    return Diversify(weight, check_count(rule.pool, f"{name}: pool"))


def _number(value: float, what: str) -> float:
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not good or not abs(value) <= _LARGEST:
        raise InvalidInputError(f"{what} is {value!r}, expected a finite number")
    return float(value)
