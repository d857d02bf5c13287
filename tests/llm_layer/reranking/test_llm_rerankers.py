"""Listwise and pointwise reranking by language models of every kind of conduct."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from reranking_doubles import Reader, among, by, shown

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.llm import EmbeddedLLM
from llm_layer.llm.base import LLMMalformedError, LLMRefusedError, LLMTimeoutError
from llm_layer.profile import UserProfile
from llm_layer.rerank import Wish
from llm_layer.reranking import (
    AnswerCache,
    Budget,
    Documents,
    Fusion,
    FusionReranker,
    ListwiseReranker,
    PointwiseReranker,
    Price,
)
from llm_layer.reranking.budget import estimate_tokens
from llm_layer.reranking.prompts import pointwise_prompt
from llm_layer.stopping import TurnStoppedError, stopping_by
from recsys.errors import DownloadError, InvalidInputError

WISH, NOBODY = Wish(words="something"), UserProfile()


def newest(text: str) -> float:
    return float(text.split("(")[1][:4])


def years(facts: ItemFacts, rows: np.ndarray) -> list[int]:
    return [facts.year(int(row)) or 0 for row in rows]


def says(yes: float) -> tuple[tuple[str, float], ...]:
    return (("Yes", math.log(yes)), ("No", math.log(1 - yes)))


# Listwise


def test_windows_bring_the_best_to_the_top(facts: ItemFacts) -> None:
    llm = Reader(by(newest))
    reranker = ListwiseReranker(facts, llm, depth=15, window=6, stride=3)
    ranked = reranker.rerank(among(range(19)), WISH, NOBODY)
    assert sorted(ranked.rows) == list(range(19))
    # So many as a window overlaps are surely right (Sun et al. 2023).
    assert years(facts, ranked.rows[:3]) == sorted(years(facts, np.arange(15)))[::-1][:3]
    assert ranked.rows[15:].tolist() == [15, 16, 17, 18]
    assert np.isnan(ranked.parts["listwise"][15:]).all()
    assert ranked.parts["listwise"][[0, 14]].tolist() == [1.0, 0.0]
    assert (np.diff(ranked.scores) <= 0).all()
    assert (ranked.reason, ranked.repairs) == ("", ())
    assert ranked.usage.calls == len(llm.prompts) == 4 * 2
    assert llm.schemas[0] is not None


def test_a_bias_towards_places_changes_nothing(facts: ItemFacts) -> None:
    for first_to_last in (1, -1):
        llm = Reader(by(lambda text: 0.0))
        if first_to_last < 0:
            llm.answer = lambda message: str(sorted(shown(message))[::-1]).replace("'", '"')
        ranked = ListwiseReranker(facts, llm, orders=4).rerank(among(range(12)), WISH, NOBODY)
        assert ranked.rows.tolist() == list(range(12))


def test_an_instruction_in_a_text_reaches_labels_at_most(facts: ItemFacts) -> None:
    llm = Reader('{"order": ["A"], "say": "I obey", "tool": "rm"}')
    ranked = ListwiseReranker(facts, llm, orders=1).rerank(among([3, 1, 2]), WISH, NOBODY)
    assert ranked.rows.tolist() == [3, 1, 2]
    assert ranked.repairs == ("missing appended",)


def test_what_is_missing_is_appended_in_the_order_before(facts: ItemFacts) -> None:
    llm = Reader('["C", "Q", "C"]')
    ranked = ListwiseReranker(facts, llm, orders=1).rerank(among([3, 1, 2, 7]), WISH, NOBODY)
    assert ranked.rows.tolist() == [2, 3, 1, 7]
    assert ranked.repairs == ("invented dropped", "repeated kept once", "missing appended")


@pytest.mark.parametrize(
    ("answer", "reason", "asked"),
    [
        ("I would rather not.", "malformed: reader gave no answer", 3),
        (LLMMalformedError("no JSON"), "malformed: no JSON", 3),
        (LLMTimeoutError("late"), "timed out: late", 1),
        (LLMRefusedError("down"), "refused: down", 1),
        (DownloadError("no network"), "failed: no network", 1),
    ],
)
def test_a_model_that_fails_leaves_the_order(
    facts: ItemFacts, answer: str | Exception, reason: str, asked: int
) -> None:
    for make in (ListwiseReranker, PointwiseReranker):
        llm = Reader(answer)
        ranked = make(facts, llm).rerank(among([3, 1, 2, 9, 8]), WISH, NOBODY)
        if make is ListwiseReranker:
            assert len(llm.prompts) == min(asked, 2)
        else:
            assert len(llm.prompts) == asked
        assert ranked.rows.tolist() == [3, 1, 2, 9, 8]
        assert ranked.reason.startswith(reason)
        assert set(ranked.parts) == {"score"}
        assert ranked.usage.calls == len(llm.prompts)
        assert ranked.usage.tokens > 0  # what failed may have been paid for


def test_one_bad_answer_costs_one_vote(facts: ItemFacts) -> None:
    llm, good = Reader(""), by(newest)
    llm.answer = lambda message: good(message) if len(llm.prompts) > 1 else "junk"
    ranked = ListwiseReranker(facts, llm, orders=3).rerank(among(range(8)), WISH, NOBODY)
    assert years(facts, ranked.rows) == sorted(years(facts, ranked.rows))[::-1]
    assert ranked.reason.startswith("malformed")


def test_a_single_candidate_is_not_sent(facts: ItemFacts) -> None:
    llm = Reader(by(newest))
    ranked = ListwiseReranker(facts, llm).rerank(among([4]), WISH, NOBODY)
    assert ranked.rows.tolist() == [4]
    assert "single" in ranked.reason
    assert llm.prompts == []


def test_a_model_is_not_asked_in_a_language_that_it_lacks(facts: ItemFacts) -> None:
    llm = Reader(by(newest), lambda _: says(0.5), languages=frozenset({"en"}))
    for make in (ListwiseReranker, PointwiseReranker):
        ranked = make(facts, llm).rerank(among([4, 1]), WISH, UserProfile(language="zh"))
        assert ranked.rows.tolist() == [4, 1]
        assert ranked.reason == "refused: reader does not write the language 'zh'"
    assert llm.prompts == []


def test_without_candidates_nothing_is_asked(facts: ItemFacts) -> None:
    llm = Reader(by(newest))
    for make in (ListwiseReranker, PointwiseReranker):
        with pytest.raises(InvalidInputError, match="no candidates"):
            make(facts, llm).rerank(among([]), WISH, NOBODY)
    assert llm.prompts == []


def test_a_turn_that_is_stopped_asks_no_more(facts: ItemFacts) -> None:
    flag = threading.Event()
    llm = Reader(by(newest), lambda _: says(0.5))
    good = by(newest)

    def stop(message: str) -> str:
        flag.set()
        return good(message)

    for make in (ListwiseReranker, PointwiseReranker):
        fusion = FusionReranker([make(facts, llm)], Fusion({"score": 1.0, make.signals[0]: 1.0}))
        for reranker in (make(facts, llm), fusion):
            llm.answer, before = stop, len(llm.prompts)
            flag.clear()
            with stopping_by(flag), pytest.raises(TurnStoppedError):
                reranker.rerank(among(range(6)), WISH, NOBODY)
            assert len(llm.prompts) == before + 1


# Pointwise


def test_the_chance_of_yes_is_the_order(facts: ItemFacts) -> None:
    llm = Reader("yes", lambda message: says(0.9 if "Comedy" in message else 0.2))
    ranked = PointwiseReranker(facts, llm, depth=6).rerank(among(range(8)), WISH, NOBODY)
    assert ranked.rows.tolist() == [2, 3, 4, 0, 1, 5, 6, 7]
    np.testing.assert_allclose(ranked.parts["pointwise"][:6], [0.9] * 3 + [0.2] * 3)
    assert ranked.usage.calls == 6


def test_without_probabilities_nothing_is_asked(facts: ItemFacts) -> None:
    llm = Reader("yes", abilities=frozenset({"schema"}))
    ranked = PointwiseReranker(facts, llm).rerank(among([3, 1]), WISH, NOBODY)
    assert ranked.reason == "refused: reader tells no probabilities of tokens"
    assert llm.prompts == []


def test_a_model_that_says_neither_is_not_asked_on(facts: ItemFacts) -> None:
    llm = Reader("perhaps", lambda _: (("perhaps", -0.1),))
    ranked = PointwiseReranker(facts, llm).rerank(among(range(9)), WISH, NOBODY)
    assert len(llm.prompts) == 3
    assert ranked.reason.startswith("malformed")
    assert ranked.reason.endswith("0 of 9 candidates are judged")


# Budget


def test_tokens_are_kept(facts: ItemFacts) -> None:
    llm = Reader(by(newest))
    reranker = ListwiseReranker(
        facts, llm, depth=15, window=5, stride=5, budget=Budget(tokens=1800)
    )
    ranked = reranker.rerank(among(range(15)), WISH, NOBODY)
    assert 0 < ranked.usage.tokens <= 1800
    assert 0 < len(llm.prompts) < 6
    judged = ~np.isnan(ranked.parts["listwise"])
    # What there is goes to the first candidates.
    assert sorted(ranked.rows[judged]) == list(range(int(judged.sum())))
    assert ranked.reason.startswith("budget: it would take")
    assert f"{judged.sum()} of 15 candidates are ordered" in ranked.reason


def test_what_does_not_fit_is_not_called(facts: ItemFacts) -> None:
    for budget, says_why in (
        (Budget(tokens=50), "tokens, 50 are allowed"),
        (Budget(money=0.01, price=Price(0.001, 0.002)), "it would cost"),
    ):
        for make in (ListwiseReranker, PointwiseReranker):
            llm = Reader(by(newest), lambda _: says(0.5))
            ranked = make(facts, llm, budget=budget).rerank(among([5, 3, 1]), WISH, NOBODY)
            assert llm.prompts == []
            assert ranked.rows.tolist() == [5, 3, 1]
            assert says_why in ranked.reason
            assert ranked.usage.tokens == 0


def test_money_is_counted_by_what_the_host_says(facts: ItemFacts) -> None:
    llm = Reader("yes", lambda _: says(0.5), tokens=(300, 10))
    budget = Budget(money=1.0, price=Price(0.001, 0.002))
    ranked = PointwiseReranker(facts, llm, budget=budget).rerank(among(range(9)), WISH, NOBODY)
    assert ranked.usage.cost == pytest.approx(0.32 * len(llm.prompts))
    assert ranked.usage.cost <= 1.0
    assert 1 <= len(llm.prompts) <= 3
    assert "is allowed" in ranked.reason


def test_tries_that_may_be_paid_for_are_counted(facts: ItemFacts) -> None:
    one, two = Reader("yes", lambda _: says(0.5)), Reader("yes", lambda _: says(0.5))
    two.tries = 2  # type: ignore[attr-defined]
    counts = []
    for llm in (one, two):
        reranker = PointwiseReranker(facts, llm, budget=Budget(tokens=300))
        reranker.rerank(among([5]), WISH, NOBODY)
        counts.append(len(llm.prompts))
    assert counts == [1, 0]


def test_time_is_kept(facts: ItemFacts) -> None:
    llm = Reader("yes", lambda _: says(0.5), seconds=0.05)
    reranker = PointwiseReranker(facts, llm, budget=Budget(seconds=0.12))
    ranked = reranker.rerank(among(range(9)), WISH, NOBODY)
    assert 1 <= len(llm.prompts) <= 3
    assert "s are left" in ranked.reason
    assert ranked.usage.milliseconds >= 50


@pytest.mark.parametrize(
    "make",
    [
        lambda: Budget(tokens=0),
        lambda: Budget(seconds=-1),
        lambda: Budget(seconds=float("nan")),
        lambda: Budget(money=1.0),
        lambda: Price(-1.0, 0.0),
        lambda: Price(0.0, float("inf")),
        lambda: AnswerCache(0),
    ],
)
def test_limits_out_of_range(make: object) -> None:
    with pytest.raises(InvalidInputError):
        make()  # type: ignore[operator]


def test_parameters_out_of_range(facts: ItemFacts) -> None:
    llm = Reader("yes")
    for wrong in ({"orders": 0}, {"method": "mean"}, {"window": 30}, {"timeout": 0.0}):
        with pytest.raises(InvalidInputError):
            ListwiseReranker(facts, llm, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError):
        PointwiseReranker(facts, llm, depth=0)


# Cache


def test_what_was_asked_before_is_not_asked_again(facts: ItemFacts) -> None:
    for make in (ListwiseReranker, PointwiseReranker):
        llm = Reader(by(newest), lambda message: says(0.7 if "Comedy" in message else 0.3))
        reranker = make(facts, llm)
        first = reranker.rerank(among(range(8)), WISH, NOBODY)
        asked = len(llm.prompts)
        again = reranker.rerank(among(range(8)), WISH, NOBODY)
        assert len(llm.prompts) == asked
        assert again.rows.tolist() == first.rows.tolist()
        assert (again.usage.calls, again.usage.cached, again.usage.tokens) == (0, asked, 0)
        reranker.rerank(among(range(8)), Wish(words="another"), NOBODY)
        assert len(llm.prompts) == 2 * asked


def test_models_and_wordings_do_not_share_answers(
    facts: ItemFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = AnswerCache()
    for name in ("one", "two"):
        llm = Reader(by(newest), name=name)
        ListwiseReranker(facts, llm, cache=cache).rerank(among([1, 2]), WISH, NOBODY)
        assert len(llm.prompts) == 2
    monkeypatch.setattr("llm_layer.reranking.calls.PROMPT_VERSION", "next")
    ListwiseReranker(facts, llm, cache=cache).rerank(among([1, 2]), WISH, NOBODY)
    assert len(llm.prompts) == 4


def test_cached_answers_cost_no_budget(facts: ItemFacts) -> None:
    cache, llm = AnswerCache(), Reader(by(newest))
    ListwiseReranker(facts, llm, cache=cache).rerank(among(range(8)), WISH, NOBODY)
    poor = ListwiseReranker(facts, llm, cache=cache, budget=Budget(tokens=1))
    ranked = poor.rerank(among(range(8)), WISH, NOBODY)
    assert ranked.reason == ""
    assert ranked.usage.cached == 2


def test_failures_are_not_kept(facts: ItemFacts) -> None:
    llm = Reader("junk")
    reranker = ListwiseReranker(facts, llm)
    reranker.rerank(among([1, 2]), WISH, NOBODY)
    llm.answer = by(newest)
    assert reranker.rerank(among([1, 2]), WISH, NOBODY).reason == ""


# The real thing


def test_the_embedded_model_takes_part(facts: ItemFacts, embedded: EmbeddedLLM) -> None:
    documents = Documents(facts, characters=40)
    listwise = ListwiseReranker(facts, embedded, window=4, depth=4, orders=1, documents=documents)
    ranked = listwise.rerank(among([3, 5, 7, 9]), Wish(words="a funny film"), NOBODY)
    assert sorted(ranked.rows) == [3, 5, 7, 9]
    assert ranked.reason == ""
    assert "invented dropped" not in ranked.repairs  # the schema binds it
    assert ranked.usage.completion_tokens > 8
    pointwise = PointwiseReranker(facts, embedded, depth=2, documents=documents)
    judged = pointwise.rerank(among([3, 5]), Wish(words="a funny film"), NOBODY)
    assert judged.reason == ""
    assert ((judged.parts["pointwise"] > 0) & (judged.parts["pointwise"] < 1)).all()
    # What a call is thought to take is not less than what it takes.
    prompt = pointwise_prompt(documents.wish(Wish(words="a funny film"), NOBODY), documents.text(3))
    assert 2 * estimate_tokens(prompt) >= judged.usage.prompt_tokens > 0
