"""One sentence, its clauses, and what they speak of. Part of :mod:`benchmarks.judge`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any

from benchmarks.judging import words
from benchmarks.judging.ground import Ground
from benchmarks.judging.reading import ITEM, ITEM_SIGN, PERSON, STAND_INS, Item, Reading

_CLAUSE = re.compile(
    r",? ?\b(?:because|since|as you)\b|, (?:and|but|while|then|or)\b|; |因为|由于|；|"
    r"，(?:而|但|并且|另外|还有)"
)


class Sentence:
    """One sentence, its clauses, and what they say of which item."""

    def __init__(self, ground: Ground, reading: Reading, text: str) -> None:
        self.ground, self.reading, self.text = ground, reading, text
        self.is_question = text.rstrip(" ”\"').").endswith(("?", "？")) or bool(
            re.search(r"[吗呢]$", text.rstrip("。！？?!"))
        )
        self.is_set_aside = bool(words.SET_ASIDE.search(ground.turn.text))
        self.turn, self.items = ground.turn, ground.items
        bounds = [0, *(match.start() for match in _CLAUSE.finditer(text)), len(text)]
        self.clauses = [(begin, end) for begin, end in pairwise(bounds) if begin < end]

    def ids(self, sign: str) -> set[Any]:
        """Ids that a stand-in may mean."""
        return self.reading.items[ord(sign) - ITEM]

    @cached_property
    def subject_signs(self) -> list[re.Match[str]]:
        """Items that something is said about, not those that others are only likened to."""
        likened = r"(?:\blike|\bsimilar to|\bvein of|\bthan|类似|像|跟|比)\s*"
        likened += r"(?:[\ue000-\uefff](?:,? (?:and|or) |, |、|和|与|或))*$"
        return [
            match
            for match in ITEM_SIGN.finditer(self.text)
            if not re.search(likened, self.text[: match.start()], re.I)
        ]

    def clause(self, at: int) -> tuple[int, int]:
        """Where the clause around a place begins and ends."""
        return next(((b, e) for b, e in self.clauses if b <= at < e), (0, len(self.text)))

    def subjects(self, at: int) -> list[set[Any]]:
        """Items that a word is about: each a set of ids that it may mean."""
        begin, end = self.clause(at)
        here = [each for each in self.subject_signs if begin <= each.start() < end]
        clause = self.text[begin:end]
        if here and re.search(r"\bshares?\b|\bin common\b|共同点|共有", clause):
            before = [each for each in self.subject_signs if each.start() < begin]
            return [self.ids(each.group()) for each in [*before[-1:], *here]]
        if here:
            if len(here) > 1 and re.search(r"\b(?:are|both|all|were)\b|都|均", clause):
                return [self.ids(each.group()) for each in here]
            before = [each for each in here if each.start() < at]
            return [self.ids((before[-1] if before else here[0]).group())]
        outside = [
            match
            for b, e in self.clauses
            if not re.match(r",? ?\b(?:because|since|as you)\b|因为|由于", self.text[b:e])
            for match in self.subject_signs
            if b <= match.start() < e
        ]
        if outside:
            before = [each for each in outside if each.start() < at]
            return [self.ids((before[-1] if before else outside[0]).group())]
        if re.match(
            r"(?:it|this one|this film|this movie|that one|he|she|它|这部)\b", self.text, re.I
        ):
            position = self.reading.text.find(self.text)
            earlier = ITEM_SIGN.findall(self.reading.text[: max(position, 0)])
            if earlier:
                return [self.ids(earlier[-1])]
        return [{item} for item in self.turn.recommended]

    def about_visitor(self, at: int) -> str:
        """How the clause speaks of the visitor: "", "asked", "liked" or "habit"."""
        begin, end = self.clause(at)
        clause = self.text[begin:end]
        for name, pattern in (
            ("habit", words.HABIT),
            ("asked", words.ASKED),
            ("liked", words.LIKED),
        ):
            match = pattern.search(clause)
            if match and begin + match.start() <= at:
                return name
        return ""

    def holds(self, at: int, test: Callable[[Item], bool]) -> bool:
        """Whether every item that a word is about passes."""
        if self.is_lead and self.is_set_aside:
            return True
        subjects = self.subjects(at)
        if not subjects:
            return False
        negated = self.is_negated(at)
        return all(any(test(self.items[i]) != negated for i in ids) for ids in subjects)

    @property
    def is_lead(self) -> bool:
        """Whether the sentence is about the whole list."""
        return not self.subject_signs

    def is_negated(self, at: int) -> bool:
        """Whether a word is said not to hold."""
        begin, _ = self.clause(at)
        return bool(words.LEFT_OUT.search(self.text[begin:at])) or bool(
            re.match(r"\S{0,6}(?:除外|以外|就算了)", self.text[at:])
        )

    def shown(self) -> str:
        """The sentence with its titles."""

        def back(match: re.Match[str]) -> str:
            code = ord(match.group())
            if code >= PERSON:
                return self.reading.people[code - PERSON]
            return f"“{self.ground.title(self.reading.items[code - ITEM])}”"

        return STAND_INS.sub(back, self.text)[:200]

    def year_of(self, ids: set[Any]) -> int | None:
        """Year of an item."""
        return next((self.items[i].year for i in ids if self.items[i].year), None)
