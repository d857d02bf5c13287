"""Binding: which items a word of a reply speaks about.

A genre, a person or a year in a sentence is bound to the item it is said of, not to any item
nearby: to the item before it in its clause, to the one behind it where none precedes, to all items
of a list ("“A” and “B” are comedies"), and through "it" to what was named before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from llm_layer.checking.claims import Reading

# What parts two clauses. A comma alone does not: "“A” (1995), comedy, directed by B".
_CLAUSE = re.compile(
    r",\s+(?:and|but|while|so|yet|or|then)\b|[;；]|，(?:而|但|不过|则|也)?|\b(?:but|while)\b"
)
# Between two items of one list.
_AND = re.compile(r"(?:,|\s|、|和|与|及|以及|and|or|或|&)*")
_COMMA_AND = re.compile(r",\s*(?:and|or)\b|，")
# Behind a list: said of every item in it.
_OF_ALL = re.compile(
    r"[\s,]*(?:both|all|each|are|were|have|share|add|bring|offer|give|make|come|belong|star)\b"
    r"|\s*[，,]?\s*(?:两部|全部|都|均|全)"
)
_POINTING = re.compile(
    r"\b(?:it|its|this|that|they|them|their|these|those|both|all|each|he|she|his|her"
    r"|ones?|others?|former|latter)\b|它|这部|那部|这些|那些|这个|那个|两部|第[一二三]|都|全部",
    re.IGNORECASE,
)
# Says something of what was named before, whatever that is.
POINTS = re.compile(r"\b(?:it|this|that|they|these|those|both|he|she)\b", re.IGNORECASE)
_SEVERAL = re.compile(r"\b(?:they|them|their|these|those|both|all|each)\b|它们|这些|两部|都", re.I)
_DENIED = re.compile(
    r"\b(?:no|not|never|without|none|nothing|neither|nor|cannot|hardly|\w+n['’]t|dont|doesnt|isnt"
    r"|arent|wasnt|cant|few|fewer)\b"
    r"|不(?!错|晚于|早于)|没|无|非(?!常)",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    r"\b(?:only|sole|same|most|least|less|best|better|than|more(?! like)|as \w+(?: \w+)? as)\b"
    r"|更(?!早的|新的)|最|只有|唯一|比(?!如|较)|一样|同样",
    re.IGNORECASE,
)
_SUPERLATIVE = re.compile(r"(?:best|better|than|(?<!at )(?:most|least))\b|最", re.IGNORECASE)
_ORDINAL = re.compile(r"(?:\b(?:first|second|third|last)\s+|第[一二三]部?)$", re.IGNORECASE)

Doubt: TypeAlias = Literal["", "denied", "compared", "unclear"]


@dataclass(frozen=True)
class Bound:
    """What a span of a reply is said of.

    Attributes
    ----------
    rows : tuple of int
        Items; the words have to hold for each. Empty where they speak of none.
    doubt : str
        Why they can be supported by nothing: ``"denied"`` (a negation), ``"compared"`` (only,
        more than, the most ...), ``"unclear"`` ("it", and no single item it could mean); empty
        where nothing is wrong.
    """

    rows: tuple[int, ...]
    doubt: Doubt = ""


def bind(reading: Reading, start: int, end: int) -> Bound:
    """Items that the words from `start` to `end` are said of."""
    first, last = reading.sentence(start)
    begin, stop = _clause(reading.left, first, last, start)
    pointing = _POINTING.search(reading.left, begin, start)
    points = pointing.group() if pointing is not None else ""
    rows, unclear = _rows(reading, (first, last), (begin, stop), (start, end), points)
    if unclear:
        return Bound(rows, "unclear")
    if rows or points:
        if _DENIED.search(reading.left, begin, stop):
            return Bound(rows, "denied")
        before = reading.left[begin:start]
        if _COMPARED.search(reading.left, begin, stop) or _ORDINAL.search(before):
            return Bound(rows, "compared")
    return Bound(rows)


def comparisons(reading: Reading) -> list[str]:
    """Comparatives and superlatives in statements about items: nothing can support them.

    A comparative is about an item where the sentence names one; a superlative, and "better than",
    wherever it stands ("It is the best film ever made.").
    """
    return [
        match.group()
        for match in _COMPARED.finditer(reading.left)
        if not reading.is_question(match.start())
        and (
            reading.within(*reading.sentence(match.start()))
            or _SUPERLATIVE.match(reading.left, match.start())
        )
    ]


def _rows(
    reading: Reading,
    sentence: tuple[int, int],
    clause: tuple[int, int],
    span: tuple[int, int],
    points: str,
) -> tuple[tuple[int, ...], bool]:
    """Items, and whether a pointing word leaves them open."""
    inside = reading.within(*clause)
    before = [place for place in inside if place[1] <= span[0]]
    if before:
        return _listed_before(reading, sentence[0], span[0]), False
    earlier = reading.within(sentence[0], clause[0])
    if points:
        if earlier:
            return tuple(place[2] for place in earlier), False
        named = _sentence_before(reading, sentence[0])
        single = len(named) == 1 or (named and _SEVERAL.match(points) is not None)
        return (named, False) if single else ((), True)
    if any(place[0] >= span[1] for place in inside):
        return _listed_behind(reading, clause[1], span[1]), False
    if earlier:
        return _listed_before(reading, sentence[0], clause[0]), False
    return _listed_behind(reading, sentence[1], span[1]), False


def _clause(left: str, first: int, last: int, at: int) -> tuple[int, int]:
    """Part of a sentence between two of its cuts."""
    begin, stop = first, last
    for match in _CLAUSE.finditer(left, first, last):
        if match.start() < at:
            begin = match.start()
        else:
            stop = match.start()
            break
    return begin, stop


def _listed_before(reading: Reading, first: int, at: int) -> tuple[int, ...]:
    """The last item before `at`, with the items of the list that it ends."""
    places = [place for place in reading.within(first, at) if place[1] <= at]
    of_all = _OF_ALL.match(reading.left, places[-1][1]) is not None
    rows = [places[-1][2]]
    for other, one in pairwise(reversed(places)):
        between = reading.left[one[1] : other[0]]
        if not _AND.fullmatch(between) or (_COMMA_AND.fullmatch(between.strip()) and not of_all):
            break
        rows.append(one[2])
    return tuple(rows)


def _listed_behind(reading: Reading, last: int, at: int) -> tuple[int, ...]:
    """The first item behind `at`, with the items of the list that it begins."""
    places = [place for place in reading.within(at, last) if place[0] >= at]
    rows = [place[2] for place in places[:1]]
    for one, other in pairwise(places):
        if not _AND.fullmatch(reading.left[one[1] : other[0]]):
            break
        rows.append(other[2])
    return tuple(rows)


def _sentence_before(reading: Reading, first: int) -> tuple[int, ...]:
    """Items of the last sentence before `first` that has any words."""
    at = first - 1
    while at >= 0:
        begin, end = reading.sentence(at)
        if reading.left[begin:end].strip(" \n.!?。！？"):
            return tuple(dict.fromkeys(place[2] for place in reading.within(begin, end)))
        at = begin - 1
    return ()
