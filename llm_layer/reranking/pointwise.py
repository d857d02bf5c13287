"""A language model says of each candidate whether it fits; the probability of its yes counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.llm.base import LLM, Completion, can
from llm_layer.profile import UserProfile
from llm_layer.rerank import Ranked, Wish, checked
from llm_layer.reranking.budget import Budget
from llm_layer.reranking.cache import AnswerCache
from llm_layer.reranking.calls import Client, Question
from llm_layer.reranking.documents import Documents
from llm_layer.reranking.ordering import ranked_by
from llm_layer.reranking.prompts import chance_of_yes, pointwise_prompt
from llm_layer.retrieve import Candidates
from recsys.errors import InvalidInputError

# As many as OpenAI's protocol allows.
_TOP = 20


class PointwiseReranker:
    """Orders by P(yes) / (P(yes) + P(no)) of the first token (Liang et al. 2022, HELM).

    Its signal is ``"pointwise"``, that probability. What is not judged keeps the candidates' order
    behind those that are.

    Parameters
    ----------
    facts : ItemFacts
        What is said of the items.
    llm : LLM
        Who is asked, one call for each candidate. Without the ability ``"probabilities"`` nothing
        is asked.
    depth : int
        So many of the first candidates are judged, >= 1.
    budget, cache, timeout, documents
        As of :class:`~llm_layer.reranking.ListwiseReranker`.

    Raises
    ------
    InvalidInputError
        A parameter is out of range.
    """

    signals = ("pointwise",)

    def __init__(
        self,
        facts: ItemFacts,
        llm: LLM,
        *,
        depth: int = 20,
        budget: Budget | None = None,
        cache: AnswerCache | None = None,
        timeout: float = 20.0,
        documents: Documents | None = None,
    ) -> None:
        if depth < 1:
            raise InvalidInputError(f"depth is {depth}, expected at least 1")
        self._documents = documents or Documents(facts)
        self._client = Client.of(llm, budget, cache, timeout)
        self._depth = depth

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`."""
        rows = checked(candidates)
        values = np.full(rows.size, np.nan)
        calls = self._client.begin()
        llm = self._client.llm
        reason = self._client.unfit(profile.language)
        if not can(llm, "probabilities"):
            reason = f"refused: {llm.name} tells no probabilities of tokens"
        if reason:
            return ranked_by(candidates, "pointwise", values, reason, usage=calls.usage)
        wanted = self._documents.wish(wish, profile)
        for place, text in enumerate(self._documents.texts(rows[: self._depth])):
            answer = calls.ask(_question(wanted, text))
            if answer is not None:
                values[place] = answer
        reason = calls.reason
        judged, most = int((~np.isnan(values)).sum()), min(self._depth, rows.size)
        if reason and judged < most:
            reason = f"{reason}; {judged} of {most} candidates are judged"
        return ranked_by(candidates, "pointwise", values, reason, usage=calls.usage)


def _question(wanted: str, text: str) -> Question[float]:
    def parse(completion: Completion) -> float | None:
        return chance_of_yes(completion.first)

    def unpack(kept: Any) -> float | None:
        return float(kept) if isinstance(kept, int | float) and 0 <= kept <= 1 else None

    return Question(pointwise_prompt(wanted, text), 1, parse, float, unpack, top=_TOP)
