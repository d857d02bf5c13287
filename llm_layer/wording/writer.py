"""The writer: a plan becomes words, the words are checked, and what did not pass is told."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Literal

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.claims import Grounding, Known, Named
from llm_layer.domain import FILMS, Domain
from llm_layer.grounding import GroundingChecker
from llm_layer.llm.base import LLM, LLMContextError, LLMMalformedError
from llm_layer.plan import Offer, Plan, PlanKind
from llm_layer.reply import Attempt, Draft
from llm_layer.wording import prompts
from llm_layer.wording.checked import CheckedWords, complaint_of
from llm_layer.wording.manner import manner_of
from llm_layer.wording.pieces import Wording, clean
from llm_layer.wording.sentences import Sentences
from llm_layer.wording.tasks import Task
from llm_layer.wording.templates import Templates
from recsys.errors import AlsatianError

# Asked once, and twice more with the fault named.
ATTEMPTS = 3
# High, for variety: the grammar keeps the sentences whole.
_TEMPERATURE = 0.8
_LANGUAGES = {"en": "English", "zh": "Chinese"}
# Answers of our own that the model words an introduction to, and a question behind.
_FRAMES: dict[PlanKind, Literal["lead", "both"]] = {
    "why": "both",
    "ask": "both",
    "compare": "both",
    "profile": "both",
    "question": "lead",
}
# How many items the model words, with examples or without: less where its context is small.
_SIZES = ((prompts.MOST_WORDED, True), (prompts.MOST_WORDED, False), (1, False))


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
        self.words = CheckedWords(facts, self._pieces, GroundingChecker(facts, genre_words, domain))
        self._domain = domain
        self._llm = llm
        self._timeout = timeout
        self.sizes = _SIZES
        prepare = getattr(llm, "prepare", None)
        if prepare is not None:
            shared = prompts.prefix("en", domain, is_bound=bool(getattr(llm, "constrained", False)))
            prepare([*shared, shared[-2]])

    def write(self, plan: Plan, known: Known, *, plain: bool = False) -> Draft:
        """Word a plan; the result is always checked, whoever wrote it.

        With `plain` by a template, even where there is a language model.
        """
        clock = Clock()
        attempts: list[Attempt] = []
        reason = "a template was asked for" if plain else self._no_llm(plan, known)
        if not reason:
            size = 0
            while len(attempts) < ATTEMPTS and size < len(_SIZES):
                try:
                    draft = self._by_llm(plan, known, attempts, size, clock)
                except LLMContextError as error:
                    size += 1
                    reason = str(error)
                    continue
                if draft is not None:
                    return draft
                if attempts[-1].is_final:
                    break
            why = attempts[-1].fault if attempts else reason
            reason = f"the language model's words were not used: {why}"
        return self._by_template(plan, known, reason, tuple(attempts), clock)

    def stream(
        self, plan: Plan, known: Known, *, plain: bool = False
    ) -> Generator[str, None, Draft]:
        """As :meth:`write`, sentence by sentence: what is yielded has passed the check and stands.

        Where a later sentence does not pass, only what is left to say is asked again, and then
        completed by a template. The pieces joined are the draft's text.
        """
        clock = Clock()
        attempts: list[Attempt] = []
        reason = "a template was asked for" if plain else self._no_llm(plan, known)
        if not reason:
            draft = yield from Sentences(self, plan, known, attempts, clock).write(ATTEMPTS)
            if draft is not None:
                return draft
            why = attempts[-1].fault if attempts else "its context is too small"
            reason = f"the language model's words were not used: {why}"
        draft = self._by_template(plan, known, reason, tuple(attempts), clock)
        yield from draft.text.splitlines(keepends=True)
        return draft

    def _no_llm(self, plan: Plan, known: Known) -> str:
        """Why no language model is asked; empty where one is."""
        if self._llm is None:
            return "no language model was given"
        if plan.kind != "offer" and plan.kind not in _FRAMES:
            return "a short answer in fixed words needs no language model"
        if plan.kind != "offer" and plan.policy:
            return "the words of a policy stand by themselves"
        languages = self._llm.languages
        if languages is not None and plan.language not in languages:
            return f"{self._llm.name} does not write {_LANGUAGES[plan.language]}"
        if plan.kind != "offer" and not self.words.passes(
            plan, self._templates.render(plan), known
        ):
            return "an answer that does not pass the check whole is shortened by a template"
        return ""

    def _by_llm(
        self, plan: Plan, known: Known, attempts: list[Attempt], size: int, clock: Clock
    ) -> Draft | None:
        """One attempt; what is wrong with it is noted in `attempts`."""
        assert self._llm is not None
        most, has_examples = _SIZES[size]
        task = self.task(plan, known, plan.offers[:most])
        complaint = attempts[-1].fault if attempts else ""
        clock.start()
        asked = clock.elapsed
        try:
            answer = self._llm.complete(
                prompts.prompt(task, complaint, has_examples=has_examples),
                **self.settings(plan, task, len(attempts)),
            )
        except LLMContextError:
            clock.stop("write")
            raise
        except AlsatianError as error:  # the model's own failures, and a file that is not there
            clock.stop("write")
            passing = isinstance(error, LLMMalformedError)
            attempts.append(Attempt("", str(error), is_final=not passing))
            return None
        clock.first_token = clock.first_token or asked + answer.first_milliseconds
        filled, fault = prompts.fill(
            answer.text, task, self.values(plan, plan.offers[:most], known)
        )
        clock.stop("write")
        attempt = Attempt(
            answer.text,
            fault,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )
        if fault:
            attempts.append(attempt)
            return None
        text = self.around(plan, filled, plan.offers[most:]) + self.sign(known)
        clock.start()
        items, grounding = self.words.check(plan, text, known)
        clock.stop("check")
        attempts.append(replace(attempt, text=text, fault=complaint_of(grounding)))
        if not grounding.ok:
            return None
        reason = self.too_small(plan, size)
        return clock.draft(text, items, "llm", reason, grounding, tuple(attempts))

    @property
    def asked(self) -> LLM:
        """The language model."""
        assert self._llm is not None
        return self._llm

    def settings(self, plan: Plan, task: Task, attempt: int) -> dict[str, Any]:
        """How the model is asked."""
        return {
            "grammar": prompts.grammar(task) if task.is_bound else None,
            "temperature": _TEMPERATURE,
            "seed": 1 + plan.turn * ATTEMPTS + attempt,
            "timeout": self._timeout,
            "max_tokens": 120 if plan.language == "en" else 240,
        }

    def too_small(self, plan: Plan, size: int) -> str:
        """What is said of a context that was too small for the whole plan."""
        if not size or self._llm is None:
            return ""
        most, has_examples = _SIZES[size]
        less = f"{min(most, len(plan.offers))} of {len(plan.offers)} items"
        how = "" if has_examples else ", without examples"
        return f"the context of {self._llm.name} is too small for the plan: it worded {less}{how}"

    def _by_template(
        self, plan: Plan, known: Known, reason: str, attempts: tuple[Attempt, ...], clock: Clock
    ) -> Draft:
        clock.start()
        text = self._templates.render(plan, manner_of(known.style))
        clock.stop("write")
        clock.start()
        items, grounding = self.words.check(plan, text, known)
        if not grounding.ok:
            # The fixed words or the catalogue's happen to spell some title: say less instead.
            fault = f"the template was shortened: {complaint_of(grounding)}"
            reason = f"{reason}; {fault}" if reason else fault
            for less, text in self.words.shorter(plan, known):
                items, grounding = self.words.check(less, text, known)
                if grounding.ok:
                    break
        clock.stop("check")
        return clock.draft(text, items, "template", reason, grounding, attempts)

    def task(
        self, plan: Plan, known: Known, offers: Sequence[Offer], *, is_rest: bool = False
    ) -> Task:
        """What the model is asked to word: some of the offers of a plan, or around an answer."""
        wish = self._pieces.request(plan.constraints, (), plan.language)
        zh, domain = plan.language == "zh", self._domain
        is_short = manner_of(known.style).is_short or plan.invites
        anything = domain.fill("{occasion_zh}{verb_zh}什么") if zh else "something"
        if not zh and domain.occasion:
            anything = f"{anything} {domain.occasion}"
        if plan.kind != "offer":
            frame = _FRAMES[plan.kind]
            years = bool(self._facts.years.any())
            return Task(
                plan.language,
                plan.kind,
                (),
                False,
                domain,
                frame,
                is_short,
                years,
                self._binds(plan),
            )
        return Task(
            language=plan.language,
            wish=wish or anything,
            genres=tuple(
                tuple(
                    clean(self._genre_words.name(genre, plan.language))
                    for genre in self._facts.genres(offer.row)
                )
                for offer in offers
            ),
            has_reason=bool(offers[0].reasons) and not is_rest,
            domain=domain,
            is_short=is_short,
            has_years=bool(self._facts.years.any()),
            is_bound=self._binds(plan),
        )

    def _binds(self, plan: Plan) -> bool:
        """Whether a grammar binds the model's words."""
        return self.asked.constrained and plan.language == "en"

    def values(self, plan: Plan, offers: Sequence[Offer], known: Known) -> dict[str, str]:
        """What fills the marks: titles, the reason for the first of them, an answer.

        For experts the reason comes with the names of those who made the item.
        """
        if plan.kind != "offer":
            return {"said": self._templates.render(plan)}
        values = {
            str(place): self._pieces.title(offer.row, plan.language)
            for place, offer in enumerate(offers, 1)
        }
        if offers and offers[0].reasons:
            why = self._pieces.reason(offers[0].reasons[0], plan.language)
            manner = manner_of(known.style)
            is_expert = manner.detail == "expert"
            credits = self._templates.credits(offers[0].row, plan.language, manner)
            told = [*(credits[:1] if is_expert else ()), why]
            values["why"] = ("，" if plan.language == "zh" else ", ").join(told)
        return values

    def around(self, plan: Plan, words: str, rest: Sequence[Offer]) -> str:
        """The model's words between the notes and the items beyond those it worded."""
        if plan.kind != "offer":
            return words
        return " ".join([*self.notes(plan), words, *self.also(plan, rest)])

    def sign(self, known: Known) -> str:
        """The domain's emoji, for those who use emoji."""
        return f" {self._domain.emoji}" if manner_of(known.style).has_emoji else ""

    def notes(self, plan: Plan) -> list[str]:
        """What is said before the model's words; an answer of ours has its own."""
        return self._pieces.notes(plan) if plan.kind == "offer" else []

    def also(self, plan: Plan, rest: Sequence[Offer]) -> list[str]:
        """Sentences behind the model's words: what lists items, and what asks for some."""
        asked = self._pieces.invitation(plan)
        if not rest:
            return asked
        listed = self._pieces.titles([offer.row for offer in rest], plan.language)
        return [f"另外还有{listed}。" if plan.language == "zh" else f"Also: {listed}.", *asked]


class Clock:
    """Adds up milliseconds of writing and of checking."""

    def __init__(self) -> None:
        self.write = 0.0
        self.check = 0.0
        self.first_token = 0.0
        self.first_words = 0.0
        self._created = self._begun = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Milliseconds since the writing began."""
        return (time.perf_counter() - self._created) * 1e3

    def start(self) -> None:
        """Begin a stage."""
        self._begun = time.perf_counter()

    def stop(self, stage: Literal["write", "check"]) -> None:
        """End it."""
        passed = (time.perf_counter() - self._begun) * 1e3
        setattr(self, stage, getattr(self, stage) + passed)

    def draft(
        self,
        text: str,
        items: tuple[Named, ...],
        writer: Literal["llm", "template"],
        reason: str,
        grounding: Grounding,
        attempts: tuple[Attempt, ...],
    ) -> Draft:
        """A draft with the times so far."""
        return Draft(
            text,
            items,
            writer,
            reason,
            grounding,
            attempts,
            self.write,
            self.check,
            self.first_token,
            self.first_words or self.elapsed,
        )
