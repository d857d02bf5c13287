"""The guard: holds messages and items against the policies of a domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.safety.ages import stated_age
from llm_layer.safety.policies import AgeLimit, Hide, Policy, Verdict
from llm_layer.safety.referrals import Referrals
from llm_layer.understanding.understand import Request
from recsys.errors import InvalidInputError
from recsys.recommender import Recommender
from recsys.rules.conditions import holds

Mask: TypeAlias = npt.NDArray[np.bool_]


_ABOUT_ITEMS = ("ask", "compare", "why", "accept", "more_like")


class Guard:
    """Policies over one catalogue.

    Parameters
    ----------
    rec : Recommender
        With the columns that the policies name.
    facts : ItemFacts
        Of the same catalogue.
    policies : sequence of Policy
        In the order in which they are looked at.
    counterexamples : sequence of str
        Messages that meet no referral though they come near to one, see
        :class:`~llm_layer.safety.referrals.Referrals`.

    Raises
    ------
    InvalidInputError
        A policy names a column that is not there or not a number, or its condition is none.
    """

    def __init__(
        self,
        rec: Recommender,
        facts: ItemFacts,
        policies: Sequence[Policy] = (),
        counterexamples: Sequence[str] = (),
    ) -> None:
        self._facts = facts
        self._referrals = Referrals(policies, counterexamples)
        self._limits = [each for each in policies if isinstance(each, AgeLimit)]
        self._from = [self._from_age(rec, each) for each in self._limits]
        hidden = [self._matching(rec, each) for each in policies if isinstance(each, Hide)]
        self._shown: Mask | None = ~np.logical_or.reduce(hidden) if hidden else None
        self.allowed = lru_cache(maxsize=128)(self._allowed)

    @property
    def is_open(self) -> bool:
        """Whether there is nothing to guard."""
        return not self._referrals and not self._limits and self._shown is None

    def _allowed(self, age: int | None = None) -> Mask | None:
        """Items that somebody of so many years may see: bool, shape (n_items,); None for all."""
        mask = self._shown
        for limit, first in zip(self._limits, self._from, strict=True):
            years = limit.default_age if age is None else age
            if years >= limit.full_age:
                continue
            fits = first <= years  # what has no number has a year that nobody reaches
            mask = fits if mask is None else mask & fits
        return mask

    def age(self, messages: Iterable[str], known: int | None = None) -> int | None:
        """The least age stated, in years; `known` where none is.

        Examples of what counts: "I am 12", "for my 8 year old", "我12岁". Whoever chooses for a
        child without its age is taken to choose for one of six.
        """
        if not self._limits:
            return known
        stated = [years for message in messages if (years := stated_age(message)) is not None]
        return min([*stated, *([] if known is None else [known])], default=None)

    def look(self, request: Request, age: int | None) -> tuple[Request, Verdict]:
        """Hold a message against the policies.

        Returns
        -------
        Request
            Without the items that the visitor may not see.
        Verdict
        """
        allowed = self.allowed(age)
        hidden: tuple[int, ...] = ()
        if allowed is not None:
            named = (*request.like, *request.unlike, *request.about, *request.seen)
            hidden = tuple(dict.fromkeys(row for row in named if not allowed[row]))
        limit = self._limit(hidden, age)
        if hidden:
            request = _without(request, set(hidden))
            if limit is None:  # as though the catalogue did not have it
                titles = tuple(self._facts.title(row) for row in hidden)
                request = replace(request, no_title=(*request.no_title, *titles))
        referral = self._referrals.find(request.text)
        if referral is not None:
            # Who asks for nothing beside it is offered nothing.
            asks = request.has_wish or request.about or request.places
            stop = referral.then == "stop" or not asks
            return request, Verdict(referral, stop, hidden)
        # A question about what they may not see is answered by these words alone.
        return request, Verdict(limit, limit is not None and request.act in _ABOUT_ITEMS, hidden)

    def _limit(self, hidden: Sequence[int], age: int | None) -> AgeLimit | None:
        """The limit that keeps an item named from the visitor, unless nobody may see it."""
        for limit, first in zip(self._limits, self._from, strict=True):
            years = limit.default_age if age is None else age
            for row in hidden:
                is_there = self._shown is None or self._shown[row]
                if is_there and years < limit.full_age and first[row] > years:
                    return limit
        return None

    @staticmethod
    def _from_age(rec: Recommender, limit: AgeLimit) -> npt.NDArray[np.float64]:
        """From which age on each item may be seen, float64; infinite where that is unknown."""
        table = rec.catalogue.table if rec.catalogue is not None else None
        if table is None or limit.column not in table.column_names:
            raise InvalidInputError(
                f"policy {limit.name}: the item table has no column {limit.column!r}; "
                "name the column that says from which age an item is fit"
            )
        column = table.column(limit.column)
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise InvalidInputError(
                f"policy {limit.name}: column {limit.column!r} is of type {column.type}, expected "
                "numbers of years"
            )
        unknown = float("inf") if limit.unknown == "hide" else 0.0
        return np.asarray(pc.fill_null(column.cast(pa.float64()), unknown).to_numpy(), np.float64)

    @staticmethod
    def _matching(rec: Recommender, policy: Hide) -> Mask:
        if rec.catalogue is None:
            raise InvalidInputError(
                f"policy {policy.name}: there is no item table to hide items of; give one to fit"
            )
        return holds(policy.where, rec.catalogue.table, rec.catalogue.separators)


def _without(request: Request, rows: set[int]) -> Request:
    def kept(listed: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(row for row in listed if row not in rows)

    return replace(
        request,
        like=kept(request.like),
        unlike=kept(request.unlike),
        about=kept(request.about),
        seen=kept(request.seen),
    )
