"""Replies: a plan becomes words, the words are checked, and what did not pass is told."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from llm_layer import wording
from llm_layer.claims import Grounding, Known, Named
from llm_layer.facts import ItemFacts
from llm_layer.genres import GenreWords
from llm_layer.grounding import GroundingChecker
from llm_layer.llm.base import LLM, LLMMalformedError
from llm_layer.plan import Plan
from llm_layer.templates import Templates, Wording
from llm_layer.text import Language
from recsys.errors import AlsatianError

# Asked once, and once more with the fault named.
_ATTEMPTS = 2
# High, for variety: the grammar keeps the sentences whole.
_TEMPERATURE = 0.8
_LANGUAGES = {"en": "English", "zh": "Chinese"}


@dataclass(frozen=True)
class Attempt:
    """Words that a language model offered.

    Attributes
    ----------
    text : str
        With its marks filled where they could be, else as it came; empty where nothing came.
    fault : str
        Why they were not used; empty where they were.
    is_final : bool
        Asking once more would only cost time: the model is not there, or too slow.
    """

    text: str
    fault: str
    is_final: bool = False


@dataclass(frozen=True)
class Reply:
    """What the visitor reads, and how it came about.

    Attributes
    ----------
    text : str
        The words.
    items : tuple of Named
        Every item the text names: those it recommends, in order, then the others.
    writer : {"llm", "template"}
        Who worded it.
    reason : str
        Why a template did; empty where the language model did.
    grounding : Grounding
        What was checked, claim by claim.
    timings : mapping of str to float
        Milliseconds for ``understand``, ``retrieve``, ``rerank``, ``plan``, ``write``, ``check``
        and ``total``.
    language : {"en", "zh"}
        Of the words.
    attempts : tuple of Attempt
        What the language model offered, used or not.
    """

    text: str
    items: tuple[Named, ...]
    writer: Literal["llm", "template"]
    reason: str
    grounding: Grounding
    timings: Mapping[str, float]
    language: Language
    attempts: tuple[Attempt, ...] = ()

    @property
    def recommended(self) -> tuple[Any, ...]:
        """Ids of the recommended items, best first."""
        return tuple(item.id for item in self.items if item.role == "recommended")


@dataclass(frozen=True)
class Draft:
    """Checked words, with the time that writing and checking took in milliseconds."""

    text: str
    items: tuple[Named, ...]
    writer: Literal["llm", "template"]
    reason: str
    grounding: Grounding
    attempts: tuple[Attempt, ...]
    write: float
    check: float


class Writer:
    """Words plans: by the language model where that passes the check, else by a template.

    Parameters
    ----------
    facts : ItemFacts
        The catalogue.
    genre_words : GenreWords
        Words for its genres.
    llm : LLM or None
        None: templates only.
    timeout : float
        Seconds for one request to the language model.
    """

    def __init__(
        self, facts: ItemFacts, genre_words: GenreWords, llm: LLM | None, timeout: float = 20.0
    ) -> None:
        self._facts = facts
        self._genre_words = genre_words
        self._pieces = Wording(facts, genre_words)
        self._templates = Templates(facts, self._pieces)
        self._checker = GroundingChecker(facts, genre_words)
        self._llm = llm
        self._timeout = timeout

    def write(self, plan: Plan, known: Known) -> Draft:
        """Word a plan; the result is always checked, whoever wrote it."""
        clock = _Clock()
        attempts: list[Attempt] = []
        reason = self._no_llm(plan)
        if not reason:
            for seed in range(_ATTEMPTS):
                draft = self._by_llm(plan, known, attempts, seed, clock)
                if draft is not None:
                    return draft
                if attempts[-1].is_final:
                    break
            reason = f"the language model's words were not used: {attempts[-1].fault}"
        return self._by_template(plan, known, reason, tuple(attempts), clock)

    def _no_llm(self, plan: Plan) -> str:
        """Why no language model is asked; empty where one is."""
        if self._llm is None:
            return "no language model was given"
        if plan.kind != "offer":
            return "a short answer in fixed words needs no language model"
        languages = self._llm.languages
        if languages is not None and plan.language not in languages:
            return f"{self._llm.name} does not write {_LANGUAGES[plan.language]}"
        return ""

    def _by_llm(
        self, plan: Plan, known: Known, attempts: list[Attempt], seed: int, clock: _Clock
    ) -> Draft | None:
        """One attempt; what is wrong with it is noted in `attempts`."""
        assert self._llm is not None
        task = self._task(plan)
        complaint = attempts[-1].fault if attempts else ""
        use_grammar = self._llm.constrained and plan.language == "en"
        clock.start()
        try:
            answer = self._llm.complete(
                wording.prompt(task, complaint),
                grammar=wording.grammar(task) if use_grammar else None,
                temperature=_TEMPERATURE,
                seed=1 + plan.turn * _ATTEMPTS + seed,
                timeout=self._timeout,
                max_tokens=120 if plan.language == "en" else 240,
            )
        except AlsatianError as error:  # the model's own failures, and a file that is not there
            clock.stop("write")
            passing = isinstance(error, LLMMalformedError)
            attempts.append(Attempt("", str(error), is_final=not passing))
            return None
        filled, fault = wording.fill(answer.text, task, *self._values(plan))
        clock.stop("write")
        if fault:
            attempts.append(Attempt(answer.text, fault))
            return None
        text = self._around(plan, filled)
        items = self._named(plan, text, known)
        clock.start()
        grounding = self._checker.check(text, items, known, plan.language)
        clock.stop("check")
        attempts.append(Attempt(text, _complaint(grounding)))
        if not grounding.ok:
            return None
        return Draft(text, items, "llm", "", grounding, tuple(attempts), clock.write, clock.check)

    def _by_template(
        self, plan: Plan, known: Known, reason: str, attempts: tuple[Attempt, ...], clock: _Clock
    ) -> Draft:
        clock.start()
        text = self._templates.render(plan)
        clock.stop("write")
        clock.start()
        items = self._named(plan, text, known)
        grounding = self._checker.check(text, items, known, plan.language)
        if not grounding.ok and plan.offers:
            # The fixed words happen to spell some title: say less rather than something doubtful.
            text = self._templates.bare(plan)
            reason = f"{reason}; the template was shortened: {_complaint(grounding)}"
            items = self._named(plan, text, known)
            grounding = self._checker.check(text, items, known, plan.language)
        clock.stop("check")
        return Draft(text, items, "template", reason, grounding, attempts, clock.write, clock.check)

    def _task(self, plan: Plan) -> wording.Task:
        worded = plan.offers[: wording.MOST_WORDED]
        wish = self._pieces.request(plan.constraints, (), plan.language)
        return wording.Task(
            language=plan.language,
            wish=wish or ("今晚看什么" if plan.language == "zh" else "something for tonight"),
            genres=tuple(
                tuple(
                    self._genre_words.name(genre, plan.language)
                    for genre in self._facts.genres(offer.row)
                )
                for offer in worded
            ),
            has_reason=bool(worded[0].reasons),
        )

    def _values(self, plan: Plan) -> tuple[list[str], str]:
        """What fills the marks: titles, and the reason for the first of them."""
        worded = plan.offers[: wording.MOST_WORDED]
        titles = [self._pieces.title(offer.row, plan.language) for offer in worded]
        reasons = worded[0].reasons
        return titles, self._pieces.reason(reasons[0], plan.language) if reasons else ""

    def _around(self, plan: Plan, words: str) -> str:
        """The model's words between the notes and the items beyond those it worded."""
        parts = [*self._pieces.notes(plan), words]
        if rest := [offer.row for offer in plan.offers[wording.MOST_WORDED :]]:
            listed = self._pieces.titles(rest, plan.language)
            parts.append(f"另外还有{listed}。" if plan.language == "zh" else f"Also: {listed}.")
        return " ".join(parts)

    def _named(self, plan: Plan, text: str, known: Known) -> tuple[Named, ...]:
        """Every item of the plan that the text names, each once; the first role counts."""
        roles: dict[int, str] = {}
        for offer in plan.offers:
            before = "shown" if offer.row in known.shown else "asked"
            roles.setdefault(offer.row, "recommended" if plan.kind == "offer" else before)
        for offer in plan.offers:
            for reason in offer.reasons:
                roles.setdefault(reason.row, "asked" if reason.kind == "asked" else "reason")
        for row in plan.examples:
            roles.setdefault(row, "reason")
        for row in plan.like:
            roles.setdefault(row, "asked")
        return tuple(
            Named(self._facts.item(row), self._facts.title(row), role)
            for row, role in roles.items()
            if self._pieces.title(row, plan.language) in text
        )


class _Clock:
    """Adds up milliseconds of writing and of checking."""

    def __init__(self) -> None:
        self.write = 0.0
        self.check = 0.0
        self._begun = 0.0

    def start(self) -> None:
        self._begun = time.perf_counter()

    def stop(self, stage: Literal["write", "check"]) -> None:
        passed = (time.perf_counter() - self._begun) * 1e3
        setattr(self, stage, getattr(self, stage) + passed)


def _complaint(grounding: Grounding) -> str:
    """What does not hold, in a line; empty where everything does."""
    faults = [f"{claim.kind} “{claim.text}” is not supported" for claim in grounding.violations]
    return "; ".join(faults[:3])
