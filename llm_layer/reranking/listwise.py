"""A language model orders windows of candidates, each window in several orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.llm.base import LLM, Completion
from llm_layer.profile import UserProfile
from llm_layer.rerank import Ranked, Wish, checked
from llm_layer.reranking.budget import Budget
from llm_layer.reranking.cache import AnswerCache
from llm_layer.reranking.calls import Calls, Client, Question
from llm_layer.reranking.documents import Documents
from llm_layer.reranking.ordering import (
    Consensus,
    check_windows,
    consensus,
    ranked_by,
    shuffles,
    windows,
)
from llm_layer.reranking.prompts import (
    MOST_LABELS,
    Order,
    listwise_prompt,
    listwise_schema,
    listwise_tokens,
    parse_order,
)
from llm_layer.retrieve import Candidates
from recsys.errors import InvalidInputError


class ListwiseReranker:
    """Sliding windows (Sun et al. 2023), shuffled orders with consensus (Tang et al. 2024).

    Its signal is ``"listwise"``: the place in the order, 1 for the first and 0 for the last of
    those judged. What the model does not judge keeps the candidates' order behind them.

    Parameters
    ----------
    facts : ItemFacts
        What is said of the items.
    llm : LLM
        Who orders. One with the ability ``"schema"`` answers under a JSON schema.
    depth : int
        So many of the first candidates are ordered, >= 2. Less where the budget is smaller.
    window : int
        Items shown at a time, 2 to 26.
    stride : int, optional
        How far a window moves, 1 to `window`; half a window otherwise.
    orders : int
        In how many orders each window is shown, >= 1; an even number cancels a bias towards places.
    method : {"borda", "reciprocal"}
        How the answers of a window become one.
    budget : Budget, optional
        Limits of each reranking; none otherwise.
    cache : AnswerCache, optional
        Shared with other rerankers; one of its own in memory otherwise.
    timeout : float
        Seconds for one call, > 0.
    documents : Documents, optional
        How items and wishes are told.
    seed : int
        Of the shuffled orders.

    Raises
    ------
    InvalidInputError
        A parameter is out of range.
    """

    signals = ("listwise",)

    def __init__(
        self,
        facts: ItemFacts,
        llm: LLM,
        *,
        depth: int = 20,
        window: int = 10,
        stride: int | None = None,
        orders: int = 2,
        method: Consensus = "borda",
        budget: Budget | None = None,
        cache: AnswerCache | None = None,
        timeout: float = 20.0,
        documents: Documents | None = None,
        seed: int = 0,
    ) -> None:
        stride = max(1, window // 2) if stride is None else stride
        check_windows(depth, window, stride, MOST_LABELS)
        if orders < 1 or method not in ("borda", "reciprocal"):
            raise InvalidInputError(
                f"orders is {orders} and method {method!r}, expected at least 1 and one of "
                "'borda', 'reciprocal'"
            )
        self._documents = documents or Documents(facts)
        self._client = Client.of(llm, budget, cache, timeout)
        self._depth, self._window, self._stride = depth, window, stride
        self._orders, self._method, self._seed = orders, method, seed

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`."""
        rows = checked(candidates)
        calls = self._client.begin()
        values = np.full(rows.size, np.nan)
        wanted = self._documents.wish(wish, profile)
        texts = self._documents.texts(rows[: self._depth])
        repairs: dict[str, None] = {}
        depth, reason = 0, self._client.unfit(profile.language)
        if not reason:
            depth, reason = self._affordable(calls, wanted, texts)
        order, judged = list(range(depth)), np.zeros(rows.size, np.bool_)
        for begin, end in windows(depth, self._window, self._stride) if depth > 1 else ():
            shown = order[begin:end]
            votes = self._votes(calls, wanted, [texts[place] for place in shown], repairs)
            if votes:
                agreed = consensus(votes, len(shown), self._method)
                order[begin:end] = [shown[place] for place in agreed]
                judged[shown] = True
        kept = [place for place in order if judged[place]]
        values[kept] = np.linspace(1.0, 0.0, len(kept)) if len(kept) > 1 else 1.0
        why = calls.reason or reason
        return ranked_by(candidates, "listwise", values, why, tuple(repairs), calls.usage)

    def _affordable(self, calls: Calls, wanted: str, texts: Sequence[str]) -> tuple[int, str]:
        """How many of the first candidates the budget is enough for, and why not for all."""
        if len(texts) < 2:
            return 0, "there is a single candidate, and nothing to order"
        depth, first = len(texts), ""
        while depth > 1:
            refused = calls.afford(
                [
                    question
                    for begin, end in windows(depth, self._window, self._stride)
                    for _, question in self._questions(wanted, texts[begin:end])
                ]
            )
            if not refused:
                break
            first = first or refused
            depth = depth - self._stride if depth > self._window else 0
        if not first:
            return depth, ""
        return depth, f"{first}; {depth} of {len(texts)} candidates are ordered"

    def _questions(
        self, wanted: str, texts: Sequence[str]
    ) -> list[tuple[npt.NDArray[np.int64], Question[Order]]]:
        """Each order in which a window is shown, and what is asked."""
        return [
            (shown, _question(wanted, [texts[place] for place in shown]))
            for shown in shuffles(len(texts), self._orders, self._seed)
        ]

    def _votes(
        self, calls: Calls, wanted: str, texts: Sequence[str], repairs: dict[str, None]
    ) -> list[list[int]]:
        votes = []
        for shown, question in self._questions(wanted, texts):
            answer = calls.ask(question)
            if answer is not None:
                repairs |= dict.fromkeys(answer.repairs)
                votes.append(_vote(answer, shown))
        return votes


def _vote(answer: Order, shown: npt.NDArray[np.int64]) -> list[int]:
    """Places of a window, best first; those the answer lacks come last, in the window's order."""
    named = [int(shown[place]) for place in answer.places[: answer.named]]
    return named + sorted(int(shown[place]) for place in answer.places[answer.named :])


def _question(wanted: str, texts: Sequence[str]) -> Question[Order]:
    n = len(texts)

    def parse(completion: Completion) -> Order | None:
        return parse_order(completion.text, n)

    def unpack(kept: Any) -> Order | None:
        try:
            order = Order(tuple(kept["places"]), tuple(kept["repairs"]), int(kept["named"]))
            return order if sorted(order.places) == list(range(n)) else None
        except (TypeError, KeyError, ValueError):
            return None

    return Question(
        listwise_prompt(wanted, texts),
        listwise_tokens(n),
        parse,
        lambda order: {
            "places": order.places,
            "repairs": order.repairs,
            "named": order.named,
        },
        unpack,
        schema=listwise_schema(n),
    )
