"""What a reply says that two items share: it holds where the catalogue has it of both."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.claims import Reading
from llm_layer.text import normalize

_LIST = r"(?:\x00+(?:, | and |, and |、|和|以及)?)+"
_SHARES = re.compile(
    rf"\b[Ii]t shares (?P<what>[^.!?;\n\x00]+?) with (?P<items>{_LIST})"
    rf"|它?[和与](?P<items2>{_LIST})的共同点是(?P<what2>[^。！？；，\n\x00]+)"
)
# What may stand around the names of what is shared.
_ROLE = re.compile(
    r"\b(?:the )?(?P<role>director|author|artist|teacher|actor)s?\b"
    r"|(?P<role2>导演|作者|老师|主演)"
)
_ROLES = {
    "导演": ("director",),
    "作者": ("author", "artist"),
    "老师": ("teacher",),
    "主演": ("actor",),
}
_BETWEEN = re.compile(r"(?:\x00|\band\b|[\s,、和]|类|片)*")


class Sharing:
    """Checks "it shares science fiction with ..." against one catalogue."""

    def __init__(self, facts: ItemFacts, genre_words: GenreWords) -> None:
        self._facts = facts
        self._genre_words = genre_words

    def check(self, reading: Reading) -> None:
        """Account for every sentence that says what items share."""
        for match in list(_SHARES.finditer(reading.left)):
            named = "items" if match["items"] else "items2"
            others = [place[2] for place in reading.within(*match.span(named))]
            rows = [*_subject(reading, match.start()), *others]
            what = match["what"] or match["what2"]
            fine = len(rows) > len(others) > 0 and self._holds(what, rows)
            said = reading.text[match.start() : match.end()].strip()
            items = self._facts.items(dict.fromkeys(rows))
            reading.claim("attribute", said, fine, "catalogue", "genres, people", items)
            reading.blank(*match.span())

    def _holds(self, what: str, rows: Sequence[int]) -> bool:
        """Whether every genre and person of `what` is of every item, and nothing else is said."""
        left, named = what, 0
        for mention in self._genre_words.find(what):
            if not all(mention.genre in self._facts.genres(row) for row in rows):
                return False
            left, named = _blanked(left, mention.start, mention.end), named + 1
        roles = list(_ROLE.finditer(left))
        for at, role in enumerate(roles):
            end = roles[at + 1].start() if at + 1 < len(roles) else len(left)
            name = re.split(r",|、|\band\b|和|\x00", left[role.end() : end])[0]
            kinds = (role["role"],) if role["role"] else _ROLES[role["role2"]]
            if not any(all(self._took_part(name, kind, row) for row in rows) for kind in kinds):
                return False
            left, named = _blanked(left, role.start(), role.end() + len(name)), named + 1
        return named > 0 and _BETWEEN.fullmatch(left) is not None

    def _took_part(self, name: str, role: str, row: int) -> bool:
        return normalize(name) in map(normalize, self._facts.people(row).get(role, ()))


def _subject(reading: Reading, at: int) -> list[int]:
    """What "it" is: the one item before it in the line; nothing where there are several.

    In the sentence, where several are named before that; a line may hold the full stop of "M.".
    """
    before = {place[2] for place in reading.within(reading.line(at)[0], at)}
    if len(before) > 1:
        before = {place[2] for place in reading.within(reading.sentence(at)[0], at)}
    return list(before) if len(before) == 1 else []


def _blanked(text: str, start: int, end: int) -> str:
    return text[:start] + "\x00" * (end - start) + text[end:]
