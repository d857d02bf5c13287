"""Words of a plan under the check: what they name, whether they pass, and how to say less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.checking.claims import Grounding, Known, Named
from llm_layer.grounding import GroundingChecker
from llm_layer.plan import Plan
from llm_layer.text import Language, inert
from llm_layer.wording.pieces import Wording

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


class CheckedWords:
    """Checks words for plans, and finds words for one that pass."""

    def __init__(self, facts: ItemFacts, pieces: Wording, checker: GroundingChecker) -> None:
        self._facts = facts
        self._pieces = pieces
        self._domain = pieces.domain
        self._checker = checker

    def check(self, plan: Plan, text: str, known: Known) -> tuple[tuple[Named, ...], Grounding]:
        """Items that a text names, and what the check says of it."""
        items = self.named(plan, text, known)
        return items, self._checker.check(text, items, known, plan.language)

    def passes(self, plan: Plan, text: str, known: Known) -> bool:
        """Whether a text passes the check."""
        return self.check(plan, text, known)[1].ok

    def fault_so_far(self, plan: Plan, text: str, known: Known) -> str:
        """What does not hold of the beginning of a text, alone or with every item of the plan."""
        _, alone = self.check(plan, text, known)
        if not alone.ok:
            return complaint_of(alone)
        items = self.named(plan, "", known, is_all=True)
        return complaint_of(self._checker.check(text, items, known, plan.language))

    def shorter(self, plan: Plan, known: Known) -> Iterator[tuple[Plan, str]]:
        """Ever less to say of a plan; the last one passes whatever the catalogue is."""
        said = [note for note in self._pieces.notes(plan) if self.passes(plan, note, known)]
        notes = "\n".join(said)
        # An offer whose title does not pass alone, or is another's, cannot be told from others.
        titles = {
            self._pieces.title(offer.row, plan.language): offer for offer in plan.offers[::-1]
        }
        clear = [
            offer
            for offer in plan.offers
            if titles[title := self._pieces.title(offer.row, plan.language)] is offer
            and self.passes(replace(plan, offers=(offer,)), title, known)
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

    def _bare(self, plan: Plan) -> str:
        """Nothing but titles: a numbered list of what is offered, else only what is spoken of."""
        titles = [self._pieces.title(offer.row, plan.language) for offer in plan.offers]
        if plan.kind != "offer":
            return "\n".join(titles)
        return "\n".join(f"{place}. {title}" for place, title in enumerate(titles, 1))

    def named(
        self, plan: Plan, text: str, known: Known, *, is_all: bool = False
    ) -> tuple[Named, ...]:
        """Every item of the plan that the text names, each once; the first role counts."""
        roles: dict[int, str] = {}
        for offer in plan.offers:
            before = "shown" if offer.row in known.shown else "asked"
            roles.setdefault(offer.row, "recommended" if plan.kind == "offer" else before)
        for offer in plan.offers:
            for reason in offer.reasons:
                if reason.row is not None:
                    is_asked = reason.kind == "shared" and not reason.share
                    roles.setdefault(reason.row, "asked" if is_asked else "reason")
        for row in plan.examples:
            roles.setdefault(row, "reason")
        for row in plan.like:
            roles.setdefault(row, "asked")
        for row in plan.guessed:
            roles.setdefault(row, "guessed")
        for row in plan.near:
            roles.setdefault(row, "suggested")
        return tuple(
            Named(self._facts.item(row), self._facts.title(row), role)
            for row, role in roles.items()
            if is_all or self._pieces.title(row, plan.language) in text
        )


def complaint_of(grounding: Grounding) -> str:
    """What does not hold, in a line; empty where everything does."""
    faults = [
        f"{claim.kind} “{inert(claim.text)}” is not supported" for claim in grounding.violations
    ]
    return "; ".join(faults[:3])
