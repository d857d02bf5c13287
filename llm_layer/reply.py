"""Replies: a plan becomes words, the words are checked, and what did not pass is told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from llm_layer import wording
from llm_layer.claims import Grounding, Known, Named
from llm_layer.domain import FILMS, Domain
from llm_layer.facts import ItemFacts
from llm_layer.genres import GenreWords
from llm_layer.grounding import GroundingChecker
from llm_layer.llm.base import LLM, LLMMalformedError
from llm_layer.pieces import Wording
from llm_layer.plan import Plan
from llm_layer.templates import Templates
from llm_layer.text import Language
from recsys.errors import AlsatianError

# Asked once, and twice more with the fault named.
_ATTEMPTS = 3
# High, for variety: the grammar keeps the sentences whole.
_TEMPERATURE = 0.8
# For small talk whose words happen to spell a title; the first that passes is said.
_OTHER_WORDS: Mapping[Language, tuple[str, ...]] = {
    "en": (
        "What would you like?",
        "Shall I look for something?",
        "Which one?",
        "Yes.",
        "Okay.",
    ),
    "zh": ("想{verb_zh}什么？", "要不要推荐？", "好的。"),
}
_OTHER_SMALL_TALK: Mapping[Language, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "greet": ("Hello!", "Welcome!"),
        "thanks": ("Gladly.", "Happily."),
        "bye": ("Goodbye.", "Enjoy!"),
        "reset": ("We start again.", "Forgotten."),
        "nothing": ("I have nothing left.", "There is nothing left.", "I found none."),
    },
    "zh": {
        "greet": ("你好！", "您好！"),
        "thanks": ("不客气。", "高兴。"),
        "bye": ("再见。", "随时欢迎。"),
        "reset": ("重新开始。", "都忘掉了。"),
        "nothing": ("没有找到。", "没有了。"),
    },
}
# Says nothing, and so nothing wrong.
_WORDLESS = "…"
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
class Chunk:
    """A piece of a reply as it is written.

    Attributes
    ----------
    text : str
        Checked words; those of all chunks joined are the reply's text.
    reply : Reply or None
        With the last chunk, the whole reply.
    """

    text: str
    reply: Reply | None = None


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
    domain : Domain
        Words for the items.
    """

    def __init__(
        self,
        facts: ItemFacts,
        genre_words: GenreWords,
        llm: LLM | None,
        timeout: float = 20.0,
        domain: Domain = FILMS,
    ) -> None:
        self._facts = facts
        self._genre_words = genre_words
        self._pieces = Wording(facts, genre_words, domain)
        self._templates = Templates(facts, self._pieces)
        self._checker = GroundingChecker(facts, genre_words, domain)
        self._domain = domain
        self._llm = llm
        self._timeout = timeout

    def write(self, plan: Plan, known: Known, *, plain: bool = False) -> Draft:
        """Word a plan; the result is always checked, whoever wrote it.

        With `plain` by a template, even where there is a language model.
        """
        clock = _Clock()
        attempts: list[Attempt] = []
        reason = "a template was asked for" if plain else self._no_llm(plan)
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
        items, grounding = self._checked(plan, text, known)
        if not grounding.ok:
            # The fixed words or the catalogue's happen to spell some title: say less instead.
            fault = f"the template was shortened: {_complaint(grounding)}"
            reason = f"{reason}; {fault}" if reason else fault
            for less, text in self._shorter(plan, known):
                items, grounding = self._checked(less, text, known)
                if grounding.ok:
                    break
        clock.stop("check")
        return Draft(text, items, "template", reason, grounding, attempts, clock.write, clock.check)

    def _checked(self, plan: Plan, text: str, known: Known) -> tuple[tuple[Named, ...], Grounding]:
        items = self._named(plan, text, known)
        return items, self._checker.check(text, items, known, plan.language)

    def _shorter(self, plan: Plan, known: Known) -> Iterator[tuple[Plan, str]]:
        """Ever less to say of a plan; the last one passes whatever the catalogue is."""
        said = [note for note in self._pieces.notes(plan) if self._passes(plan, note, known)]
        notes = "\n".join(said)
        # An offer whose title does not pass alone, or is another's, cannot be told from others.
        titles = {
            self._pieces.title(offer.row, plan.language): offer for offer in plan.offers[::-1]
        }
        clear = [
            offer
            for offer in plan.offers
            if titles[title := self._pieces.title(offer.row, plan.language)] is offer
            and self._passes(replace(plan, offers=(offer,)), title, known)
        ]
        for offers in dict.fromkeys((plan.offers, tuple(clear))):
            less = replace(plan, offers=offers)
            if listed := self._bare(less):
                yield less, f"{notes}\n{listed}" if notes else listed
                yield less, listed
        nothing = replace(plan, offers=())
        kind = "nothing" if plan.kind == "offer" else plan.kind
        for text in _OTHER_SMALL_TALK[plan.language].get(kind, ()):
            yield nothing, text
        if notes:
            yield nothing, notes
        for text in (*_OTHER_WORDS[plan.language], _WORDLESS):
            yield nothing, self._domain.fill(text)

    def _passes(self, plan: Plan, text: str, known: Known) -> bool:
        return self._checked(plan, text, known)[1].ok

    def _bare(self, plan: Plan) -> str:
        """Nothing but titles: a numbered list of what is offered, else only what is spoken of."""
        titles = [self._pieces.title(offer.row, plan.language) for offer in plan.offers]
        if plan.kind != "offer":
            return "\n".join(titles)
        return "\n".join(f"{place}. {title}" for place, title in enumerate(titles, 1))

    def _task(self, plan: Plan) -> wording.Task:
        worded = plan.offers[: wording.MOST_WORDED]
        wish = self._pieces.request(plan.constraints, (), plan.language)
        zh, domain = plan.language == "zh", self._domain
        anything = domain.fill("{occasion_zh}{verb_zh}什么") if zh else "something"
        if not zh and domain.occasion:
            anything = f"{anything} {domain.occasion}"
        return wording.Task(
            language=plan.language,
            wish=wish or anything,
            genres=tuple(
                tuple(
                    self._genre_words.name(genre, plan.language)
                    for genre in self._facts.genres(offer.row)
                )
                for offer in worded
            ),
            has_reason=bool(worded[0].reasons),
            domain=domain,
            has_years=bool(self._facts.years.any()),
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
