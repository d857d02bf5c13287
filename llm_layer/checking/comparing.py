"""Comparatives, superlatives and counts in a reply: they hold where the numbers bear them out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.checking.binding import Bound
from llm_layer.checking.claims import Known, Reading
from llm_layer.checking.columns import Column, Columns, alternatives
from llm_layer.checking.figures import scope
from llm_layer.domain import Domain
from llm_layer.text import has_chinese
from llm_layer.understanding.years import read_years

_ITEM = r"\x00+"
_LIST = rf"{_ITEM}(?:(?:,? and |, |、|和|与){_ITEM})*"
_THAN = re.compile(
    rf"\s+than\s+(?:(?P<items>{_LIST})|(?P<rest>the (?:others?|other (?:one|two|three)|rest)\b))"
)
# 比《A》更早: the item compared with stands before the word.
_THAN_ZH = re.compile(rf"比(?P<items>{_LIST})(?:还要|还|要|更)?$")
_DEGREE = re.compile(
    r"\b(?:much|far|way|lot|slightly|bit|little|even|years?|minutes?|times?|not|no|never|n['’]t"
    r"|one of|among|second|third|fourth)(?: the)?\s*$|(?:得多|不|没有|之一|第[二三四])\s*$",
    re.IGNORECASE,
)
_OF_THESE = re.compile(
    r"\s?(?:one\b|of them all\b|of all\b)?\s?(?:(?:of|among) (?:these|them|the (?:two|three|four"
    r"|five|list|lot))\b|here\b|on the list\b|in the list\b)?"
    r"|的?(?:一[部本门件篇个]|那[部本门件篇个])?",
    re.IGNORECASE,
)
_BEFORE_ZH = re.compile(
    r"(?:其中|当中|名单里|[这那][些几]?[部本门件篇个]?[里中]?|[两三四五][部本门件篇个][里中])$"
)
# Words between two items that say what one is to the other: "is part of", "follows".
_RELATED = re.compile(r"\s+(?:[^\W\d_]+\s+){1,8}|[\u3400-\u9fff]{1,8}")
_LISTED = re.compile(
    r"\b(?:and|or|then|while|but|because|also|try|take)\b|[和与或及也都还再]|因为|其次"
)
# When and where something is to be had, and how it did.
_STANDING = (
    r"\b(?:comes?|came|coming|is|are|was|were|be|been|goes|going|gets?|plays?|now|just) (?:just "
    r"|now |still |right )?(?:out|on(?! the list| my list)|over|up|down|back|near|close by"
    r"|here now)\b"
)
_IT = re.compile(r"\b(?:it|this|that)\b|它|这[部本门件篇个]|那[部本门件篇个]", re.IGNORECASE)
# What is no item, and so no count of items.
_NOT_ITEMS = re.compile(
    r"\s+(?:\w+[ -])?(?:stars?|oscars?|awards?|prizes?|times|seconds?|minutes?|hours?|days?|weeks?"
    r"|months?|years?|percent|hundred|thousand|million|billion|people|users?|viewers?|seasons?|episodes?|points?)\b",
    re.IGNORECASE,
)
_COUNTED = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "both": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9,
    "十": 10,
}  # fmt: skip


class Comparing:
    """Checks what replies compare and count, against one catalogue."""

    def __init__(self, facts: ItemFacts, columns: Columns, domain: Domain) -> None:
        self._facts = facts
        self._columns = columns
        self._words: dict[str, list[tuple[str, Column]]] = {}
        for column in columns.numbers.values():
            for direction, listed in column.words.items():
                for word in listed:
                    self._words.setdefault(word, []).append((direction, column))
        self._pattern = alternatives(list(self._words))
        kinds = "|".join(map(re.escape, {domain.noun, domain.nouns, *domain.kinds}))
        self._standing = re.compile(
            rf"{_STANDING}|\b(?:the|his|her|their|its|a) (?:first|second|third|fourth|last|next)"
            rf" (?:{kinds})\b",
            re.IGNORECASE,
        )
        nouns = "|".join(map(re.escape, {domain.noun, domain.nouns, *domain.kinds}))
        self._count = re.compile(
            r"\b(?P<other>other )?"
            r"(?P<en>two|three|four|five|six|seven|eight|nine|ten|both(?= (?:of|are|were|have|share"
            r"|add|bring|offer|give|make|come|belong|star|fit|work|could|would|can|will)\b)"
            r"|\d{1,2}(?="
            rf" (?:{nouns}|titles?|picks?|choices?|suggestions?|ones|of (?:these|them))\b))\b"
            rf"|(?<![第\d])(?P<zh>[两三四五六七八九十]|\d{{1,2}})(?={domain.measure_zh})",
            re.IGNORECASE,
        )

    def comparatives(self, reading: Reading, known: Known) -> None:
        """Account for "older than", "the cheapest of these" and the like."""
        if self._pattern is None:
            return
        for match in list(self._pattern.finditer(reading.left)):
            meanings = self._words[match.group().casefold()]
            self._compared(reading, known, match, meanings)

    def _compared(
        self,
        reading: Reading,
        known: Known,
        match: re.Match[str],
        meanings: list[tuple[str, Column]],
    ) -> None:
        start, end = match.span()
        highest = meanings[0][0] in ("lowest", "highest")
        is_chinese = has_chinese(match.group())
        before = reading.left[:start]
        others: tuple[int, ...] = ()
        told = highest
        if highest and is_chinese:
            lead = _BEFORE_ZH.search(before)
            start = lead.start() if lead else start
        elif highest:
            article = re.search(r"\bthe\s+$", before, re.IGNORECASE)
            if article is None:
                return  # "at the latest", "most recent" alone: left to the plain words
            start = article.start()
        elif is_chinese:
            than = _THAN_ZH.search(before)
            if than is None:
                return
            others, told = self._rows(reading, than.span("items")), True
            start = than.start()
        else:
            behind = _THAN.match(reading.left, end)
            if behind is not None:
                end, told = behind.end(), True
                others = self._rows(reading, behind.span("items")) if behind["items"] else (-1,)
        if highest:
            rest = _OF_THESE.match(reading.left, end)
            end = rest.end() if rest else end
        if not told and reading.is_question(start):
            return  # "would you like something older?" states nothing
        doubt = _DEGREE.search(reading.left[:start]) is not None
        said = reading.text[start:end]
        reading.blank(start, end)
        bound = _subject(reading, start, end, others)
        rows = bound.rows
        if not told:
            fine = self._against_lists(meanings, rows or reading.listed, known)
            fine = fine and not doubt and bound.doubt in ("", "compared")
            items = self._facts.items(rows or reading.listed)
            reading.claim("comparison", said, fine, "earlier replies", meanings[0][1].name, items)
            return
        begin, _ = reading.sentence(start)
        if len(rows) > 1 and _IT.search(
            reading.left, reading.left.rfind("\x00", begin, start) + 1, start
        ):
            rows = ()  # "it", and more than one that it could be
        if highest or others == (-1,):
            others = tuple(row for row in reading.listed or _named(reading) if row not in rows)
        supported = not doubt and bound.doubt in ("", "compared") and bool(rows) and bool(others)
        supported = supported and any(
            self._holds(direction, column, rows, others) for direction, column in meanings
        )
        names = ", ".join(dict.fromkeys(column.name for _, column in meanings))
        items = self._facts.items((*rows, *others))
        reading.claim("comparison", said, supported, "catalogue", names, items)

    def _against_lists(
        self,
        meanings: list[tuple[str, Column]],
        rows: tuple[int, ...],
        known: Known,
    ) -> bool:
        """Whether a bare comparative holds against a list of the talk.

        Where there was none before the visitor had the word, half of the catalogue is what it
        compares with.
        """
        if not any(_asked(meaning, known.said) for meaning in meanings):
            return False
        if not rows:
            return True
        for direction, column in meanings:
            for shown in known.lists:
                dated = [row for row in shown if self._columns.number(column.name, row) is not None]
                if dated and self._holds(direction, column, rows, dated):
                    return True
            if not known.lists or _asked((direction, column), known.said[:1]):
                middle = self._columns.middle(column.name)
                values = [self._columns.number(column.name, row) for row in rows]
                known_values = [value for value in values if value is not None]
                if len(known_values) == len(values) and (
                    max(known_values) < middle
                    if direction == "lower"
                    else min(known_values) > middle
                ):
                    return True
        return False

    def _holds(
        self, direction: str, column: Column, rows: Sequence[int], others: Sequence[int]
    ) -> bool:
        ours = [self._columns.number(column.name, row) for row in rows]
        theirs = [self._columns.number(column.name, row) for row in others]
        known_ours = [value for value in ours if value is not None]
        known_theirs = [value for value in theirs if value is not None]
        if len(known_ours) < len(ours) or len(known_theirs) < len(theirs):
            return False
        if direction in ("lower", "lowest"):
            return max(known_ours) < min(known_theirs)
        return min(known_ours) > max(known_theirs)

    @staticmethod
    def _rows(reading: Reading, span: tuple[int, int]) -> tuple[int, ...]:
        """Items inside a span; none where it blanks something else than titles."""
        return tuple(place[2] for place in reading.within(*span))

    def relations(self, reading: Reading) -> None:
        """Nothing but a list or a comparison may connect two items, and none is out or on."""
        places = sorted(reading.places)
        for one, other in pairwise(places):
            between = reading.left[one[1] : other[0]]
            if _RELATED.fullmatch(between) and not _LISTED.search(between):
                said = reading.text[one[0] : other[1]]
                items = self._facts.items([one[2], other[2]])
                reading.claim("comparison", said, False, "catalogue", items=items)
        for match in self._standing.finditer(reading.left):
            if reading.is_question(match.start()):
                continue
            if reading.within(*reading.sentence(match.start())):
                reading.claim("comparison", match.group(), False, "catalogue")

    def counts(self, reading: Reading) -> None:
        """Account for "three films", "both", "两部": so many items are listed or named there."""
        for match in list(self._count.finditer(reading.left)):
            word = (match["en"] or match["zh"]).casefold()
            number = _COUNTED.get(word) or int(word)
            first, last = reading.sentence(match.start())
            here = {place[2] for place in reading.within(first, last)}
            counts = {len(here), len(reading.listed)} if here else {len(reading.listed)}
            if word == "both" and not here:
                counts = {2} if len(_before(reading, first)) == 2 else counts
            if match["other"]:
                counts = {count - 1 for count in counts}
            supported = number in counts and not _NOT_ITEMS.match(reading.left, match.end())
            said = reading.text[match.start() : match.end()]
            items = self._facts.items(reading.listed)
            reading.claim("count", said, supported, "reply", items=items)
            if word != "both":  # which the binding of what follows needs
                reading.blank(*match.span("en" if match["en"] else "zh"))


def _subject(reading: Reading, start: int, end: int, others: tuple[int, ...]) -> Bound:
    """What is compared: as the binding has it, without what it is compared with."""
    bound = scope(reading, start, end)
    rows = tuple(row for row in bound.rows if row not in others)
    if rows or not others:
        return Bound(rows, bound.doubt)
    # "newer than “B”, “A” ..." and "“A” 比 “B” 更早": the other item of the sentence.
    inside = reading.within(*reading.sentence(start))
    near = [place[2] for place in inside if place[2] not in others and place[1] <= start]
    behind = [place[2] for place in inside if place[2] not in others and place[0] >= end]
    return Bound((near[-1],) if near else tuple(behind[:1]), bound.doubt)


def _named(reading: Reading) -> tuple[int, ...]:
    return tuple(dict.fromkeys(place[2] for place in reading.places))


def _before(reading: Reading, first: int) -> set[int]:
    """Items of the sentence before `first`."""
    begin, end = reading.sentence(max(0, first - 1))
    return {place[2] for place in reading.within(begin, end)}


def _asked(meaning: tuple[str, Column], said: Sequence[str]) -> bool:
    """Whether a message asks for more or less of a column, in whatever words."""
    direction, column = meaning
    relative = {"lower": "older", "higher": "newer"}.get(direction)
    return any(
        any(word in message.casefold() for word in column.words.get(direction, ()))
        or (column.name == "year" and read_years(message)[1] == relative)
        for message in said
    )
