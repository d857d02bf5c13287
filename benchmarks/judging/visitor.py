"""Claims about the person spoken with, and about others. Part of :mod:`benchmarks.judge`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from benchmarks.judging import words
from benchmarks.judging.ground import Finding
from benchmarks.judging.reading import ITEM_SIGN
from benchmarks.judging.sentence import Sentence


class VisitorClaims(Sentence):
    """What a sentence says about people who use the engine."""

    def findings(self) -> Iterator[Finding]:
        """What nothing supports."""
        for pattern, kind in ((words.OTHER_PEOPLE, "others"), (words.ABOUT_PERSON, "user")):
            for match in pattern.finditer(self.text):
                yield Finding(kind, match.group())
        if not self.is_question:
            yield from self._user()

    def _user(self) -> Iterator[Finding]:
        text = self.text
        for match in words.WATCHED.finditer(text):
            ids = self._objects(match.end())
            negated = re.search(r"(?:not|n't|never|没|未)\W*\w*$", text[: match.end()][-20:])
            for each in ids:
                watched = bool(each & self.turn.history) or (
                    not self.turn.history and any(map(self.ground.mentions, each))
                )
                if watched == bool(negated):
                    yield Finding("user", self.shown())
        for match in words.LIKED.finditer(text):
            for each in self._objects(match.end()):
                if not any(map(self._said_by_name, each)):
                    yield Finding("user", self.shown())
        for match in words.ASKED.finditer(text):
            for each in self._objects(match.end()):
                if not any(map(self.ground.mentions, each)):
                    yield Finding("user", self.shown())
        for match in words.WHEN.finditer(text):
            yield Finding("user", match.group())

    def _said_by_name(self, item: Any) -> bool:
        """Liking is in nobody's history: only the visitor's own words tell of it."""
        return self.ground.mentions(item) and bool(self.turn.said)

    def _objects(self, at: int) -> list[set[Any]]:
        """Titles that follow within the clause, or in the list that it opens."""
        _, end = self.clause(max(at - 1, 0))
        for pattern in (words.WATCHED, words.LIKED, words.ASKED):
            if following := pattern.search(self.text, at):
                end = min(end, following.start())
        found = [self.ids(sign) for sign in ITEM_SIGN.findall(self.text[at:end])]
        # "because you watched A, B, and C": the comma before "and" ends no clause here.
        tail = re.match(r",? and ([\ue000-\uefff])(?=[.,。]|$)", self.text[end:])
        return [*found, self.ids(tail[1])] if tail and found else found
