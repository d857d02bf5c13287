"""The judge's eyes: where a text names items and people of a catalogue.

Part of :mod:`benchmarks.judge`; nothing here comes from the code that is judged.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+(?:['’][^\W_\u3400-\u9fff]+)*")
_TRAILING_ARTICLE = re.compile(
    r"^(.*), (The|A|An|La|Le|Les|L'|Il|El|Los|Las|Das|Der|Die|I|Lo)$", re.I
)
_BLANKS = "\u2028\u2029\u3164\u115f\u1160"
OPENING, CLOSING = '“"«「『《〈', '”"»」』》〉'
_QUOTED = re.compile(rf"[{OPENING}]([^{CLOSING}\n]*)[{CLOSING}]")
_MARKED = re.compile(r"(?<!\w)(?:\*{1,2}|['‘_`])([^*'‘’_`\n]+)(?:\*{1,2}|['’_`])(?!\w)")
# Stand-ins for what was recognized: one sign each, from the private use area.
ITEM, PERSON = 0xE000, 0xF000
STAND_INS = re.compile("[\ue000-\uf8ff]")
ITEM_SIGN = re.compile("[\ue000-\uefff]")
PERSON_SIGN = re.compile("[\uf000-\uf8ff]")


def tokens(text: str) -> list[str]:
    """Comparable words; every Chinese sign is one."""
    return [re.sub("['’]", "", each.group()).casefold() for each in _TOKEN.finditer(text)]


def is_invisible(sign: str) -> bool:
    """Control and format signs, and those of no meaning; a line end is none of them."""
    return sign != "\n" and (unicodedata.category(sign)[0] == "C" or sign in _BLANKS)


def visible(text: str) -> str:
    """The text without signs that nobody sees."""
    return "".join(sign for sign in text if not is_invisible(sign))


def spaced(text: str) -> str:
    """The text with a space for each sign that nobody sees."""
    return "".join(" " if is_invisible(sign) else sign for sign in text)


def is_chinese(sign: str) -> bool:
    """Whether a sign is a Chinese one."""
    return "\u3400" <= sign <= "\u9fff"


def listed(value: Any) -> list[str]:
    """Several values of one cell: a list, or a text with separators."""
    if value is None:
        return []
    parts = re.split(r"[|;,]", value) if isinstance(value, str) else value
    return [part for each in parts if (part := str(each).strip())]


@dataclass(frozen=True)
class Item:
    """A row of the catalogue, as the judge needs it."""

    id: Any
    title: str
    year: int | None
    genres: frozenset[str]
    directors: frozenset[str]
    actors: frozenset[str]
    text: str  # plot or description
    values: dict[str, float]  # numeric columns


class Catalogue:
    """Items, and what they and their people may be called."""

    def __init__(self, table: pa.Table) -> None:
        self.items: dict[Any, Item] = {}
        self.owners: dict[tuple[str, ...], set[Any]] = defaultdict(set)
        self.people: dict[tuple[str, ...], str] = {}
        self.columns = set(table.column_names)
        numeric = [
            name
            for name, kind in zip(table.column_names, table.schema.types, strict=True)
            if (pa.types.is_integer(kind) or pa.types.is_floating(kind))
            and name not in ("item_id", "year")
        ]
        for row in table.to_pylist():
            item = _item(row, numeric)
            self.items[item.id] = item
            for name in names(item.title):
                self.owners[name].add(item.id)
            for person in item.directors | item.actors:
                for form in (visible, spaced):
                    self.people[tuple(tokens(form(person)))] = person
        self.people.pop((), None)
        self._by_first = _by_first(self.owners)
        self._people_by_first = _by_first(self.people)

    def names_at(self, words: Sequence[str], at: int) -> Iterator[tuple[str, ...]]:
        """Names of items that stand at a place, the longest first."""
        return _at(self._by_first, words, at)

    def people_at(self, words: Sequence[str], at: int) -> Iterator[tuple[str, ...]]:
        """Names of people that stand at a place, the longest first."""
        return _at(self._people_by_first, words, at)


def _item(row: dict[str, Any], numeric: Iterable[str]) -> Item:
    title = str(row["title"])
    stated = re.search(r"\((\d{4})\)\s*$", title)
    year = row.get("year") or (int(stated[1]) if stated else None)
    return Item(
        id=row["item_id"],
        title=title,
        year=int(year) if year else None,
        genres=frozenset(listed(row.get("genres"))),
        directors=frozenset(listed(row.get("director", row.get("directors")))),
        actors=frozenset(listed(row.get("actors", row.get("cast")))),
        text=str(row.get("plot") or row.get("description") or ""),
        values={name: float(row[name]) for name in numeric if row[name] is not None},
    )


def _by_first(names_: Iterable[tuple[str, ...]]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name in names_:
        found[name[0]].append(name)
    for each in found.values():
        each.sort(key=len, reverse=True)
    return found


def _at(
    by_first: dict[str, list[tuple[str, ...]]], words: Sequence[str], at: int
) -> Iterator[tuple[str, ...]]:
    for name in by_first.get(words[at], ()):
        if tuple(words[at : at + len(name)]) == name:
            yield name


def names(title: str) -> set[tuple[str, ...]]:
    """What a catalogue title may be read as: without year, article in front, second names."""
    return {name for form in (visible, spaced) for name in _names(form(title)) if name}


def _names(title: str) -> set[tuple[str, ...]]:
    bare = re.sub(r"\s*\(\d{1,4}\)\s*$", "", title)
    inner = re.findall(r"\(([^()]*)\)", bare)
    outer = re.sub(r"\s*\([^()]*\)", "", bare).strip()
    found = {tuple(tokens(bare)), tuple(tokens(title))}
    for name in [outer, *inner]:
        moved = _TRAILING_ARTICLE.match(name.strip())
        found.add(tuple(tokens(name)))
        if moved:
            found.add(tuple(tokens(f"{moved[2]} {moved[1]}")))
            found.add(tuple(tokens(f"{moved[2]}{moved[1]}")))
    return found


def beginnings(title: str) -> set[tuple[str, ...]]:
    """How people shorten a title: what stands before its first mark of punctuation."""
    bare = visible(title)
    found = {tuple(tokens(re.split(r"[^\w\s'’.,!?&]|\n", bare.strip('“"《'))[0]))}
    return {name for name in found | names(title) if name}


@dataclass
class Reading:
    """A text with stand-ins for the items and people it names, and names it should not have.

    Attributes
    ----------
    text : str
        The rest of the words; an item is ``chr(ITEM + i)``, a person ``chr(PERSON + j)``.
    items : list of set
        Ids that the i-th stand-in may mean; more than one where titles are alike.
    people : list of str
        Names, as the catalogue has them.
    wrong : list of (str, str)
        Kind and words of what names no allowed item.
    """

    text: str
    items: list[set[Any]] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    wrong: list[tuple[str, str]] = field(default_factory=list)


def read(text: str, catalogue: Catalogue, allowed: set[Any]) -> Reading:
    """Find items and people in a text."""
    reading = Reading(text)
    _quoted_items(reading, catalogue, allowed)
    _people(reading, catalogue, allowed)
    _loose_items(reading, catalogue, allowed)
    return reading


def _spans(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    found = list(_TOKEN.finditer(text))
    words = [re.sub("['’]", "", each.group()).casefold() for each in found]
    return words, [each.span() for each in found]


def _replaced(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    for begin, end, sign in sorted(spans, reverse=True):
        text = text[:begin] + sign + text[end:]
    return text


def _quoted_items(reading: Reading, catalogue: Catalogue, allowed: set[Any]) -> None:
    """Items between quotation marks, even where the title holds such marks itself."""
    text = reading.text
    words, spans = _spans(text)
    changes: list[tuple[int, int, str]] = []
    at = 0
    while at < len(words):
        begin = spans[at][0]
        before = text[max(0, begin - 12) : begin]
        opened = max((before.rfind(sign) for sign in OPENING), default=-1)
        step = 1
        if opened >= 0 and not re.search(r"\w", before[opened:]):
            for name in catalogue.names_at(words, at):
                last = at + len(name) - 1
                end = spans[last][1]
                after = text[end : spans[last + 1][0] if last + 1 < len(words) else len(text)]
                closed = next((i for i, sign in enumerate(after) if sign in CLOSING), None)
                owners = catalogue.owners[name] & allowed
                if closed is not None and owners:
                    reading.items.append(owners)
                    sign = chr(ITEM + len(reading.items) - 1)
                    start = begin - len(before) + opened
                    changes.append((start, end + closed + 1, sign))
                    step = len(name)
                    break
        at += step
    reading.text = _replaced(text, changes)
    _cut_items(reading, catalogue, allowed)


def _cut_items(reading: Reading, catalogue: Catalogue, allowed: set[Any]) -> None:
    """Quoted beginnings of long titles, with dots behind; other quotations are wrong."""

    def stand_in(match: re.Match[str]) -> str:
        inside = match[1]
        words = tuple(tokens(inside))
        if inside.rstrip().endswith(("…", "...")) and len(words) >= 3:
            owners = {
                item
                for item in allowed
                if item in catalogue.items
                and any(name[: len(words)] == words for name in names(catalogue.items[item].title))
            }
            if owners:
                reading.items.append(owners)
                return chr(ITEM + len(reading.items) - 1)
        reading.wrong.append(("quoted", inside))
        return "\n"

    reading.text = _QUOTED.sub(stand_in, reading.text)


def _people(reading: Reading, catalogue: Catalogue, allowed: set[Any]) -> None:
    """Names of people; those of one word only where they can be nothing else."""
    text = reading.text
    words, spans = _spans(text)
    changes: list[tuple[int, int, str]] = []
    at = 0
    while at < len(words):
        step = 1
        for name in catalogue.people_at(words, at):
            begin, end = spans[at][0], spans[at + len(name) - 1][1]
            first = text[begin]
            if not (first.isupper() or is_chinese(first) or not first.isalpha()):
                continue
            inside = re.search(r"(?:by|with|starring|and|,|导演|主演|是|有|、)\s*$", text[:begin])
            if len(name) == 1 and not inside:
                continue
            # A title that begins here and is longer is a title ("John Carpenter's Vampires").
            longer = next(iter(catalogue.names_at(words, at)), ())
            if len(longer) > len(name):
                continue
            person = catalogue.people[name]
            if person.endswith(".") and text[end : end + 1] == ".":
                end += 1
            reading.people.append(person)
            changes.append((begin, end, chr(PERSON + len(reading.people) - 1)))
            step = len(name)
            break
        at += step
    reading.text = _replaced(text, changes)


def _loose_items(reading: Reading, catalogue: Catalogue, allowed: set[Any]) -> None:
    """Titles without quotation marks: of two words anywhere, of one where it has a capital."""
    text = reading.text
    words, spans = _spans(text)
    marked = {match.span(1): match[1] for match in _MARKED.finditer(text)}
    changes: list[tuple[int, int, str]] = []
    at = 0
    while at < len(words):
        step = 1
        for name in catalogue.names_at(words, at):
            begin, end = spans[at][0], spans[at + len(name) - 1][1]
            # Nothing but spaces and title punctuation between the words, no end of sentence.
            if "\n" in text[begin:end] or STAND_INS.search(text[begin:end]):
                continue
            in_marks = any(
                first <= begin <= end <= last and tokens(inside) == list(name)
                for (first, last), inside in marked.items()
            )
            if not (in_marks or _reads_as_title(text, begin, end, len(name))):
                continue
            owners = catalogue.owners[name]
            if owners & allowed:
                reading.items.append(owners & allowed)
                changes.append((begin, end, chr(ITEM + len(reading.items) - 1)))
            else:
                reading.wrong.append(("title", text[begin:end]))
                changes.append((begin, end, "\n"))
            step = len(name)
            break
        at += step
    reading.text = _replaced(text, changes)


def _reads_as_title(text: str, begin: int, end: int, length: int) -> bool:
    inside = text[begin:end]
    if is_chinese(inside[0]):
        return length >= 4
    if length > 1:
        # Two words that begin and end in different sentences are no title.
        return not re.search(r"[.!?:;]\s+[A-Z]", inside) or inside.istitle()
    # "I" is no title, and a capital at the beginning of a sentence says nothing.
    before = text[:begin].rstrip(" ")
    return (
        inside[0].isupper()
        and len(inside) > 1
        and inside.lower() not in _OWN_CAPITALS
        and bool(before)
        and before[-1] not in ".!?:\n。！？："
        and not re.search(r"(?:^|\n)\s*\d+[.)]?$", before)
    )


_OWN_CAPITALS = {"im", "i'm", "id", "i'd", "ill", "i'll", "ive", "i've", "i’m", "i’d", "ok", "okay"}
