"""Understanding: what a visitor asks for, read from their words by rules and the catalogue.

No language model takes part, so the same words always mean the same request, and nothing that is
typed can talk the system into anything but a filter, a direction, or a question it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llm_layer import phrases
from llm_layer.facts import ItemFacts
from llm_layer.genres import GenreMention, GenreWords
from llm_layer.lexicon import load, load_words
from llm_layer.negation import negated, not_seen
from llm_layer.request import Act, Range, Request
from llm_layer.text import Language, detect_language, has_chinese, quoted_parts, words

__all__ = ["Act", "Range", "Request", "Understanding"]

_TitleRole: TypeAlias = Literal["like", "unlike", "seen", "about", "than", ""]

# What people often ask for and few catalogues state: the words, and the columns that would do.
_UNSTATED = {
    "length": (phrases.LENGTH, ("runtime", "duration", "length", "minutes")),
    "rating": (phrases.RATING, ("rating", "score", "stars", "imdb")),
    "place": (phrases.PLACE, ("platform", "provider", "availability")),
}


# Words that a title stands next to; there a single plain word may be one.
_TITLE_PATTERNS = (
    phrases.COMPARED,
    phrases.DECLINED,
    phrases.KNOWN_ALREADY,
    phrases.COMPARED_YEAR,
    phrases.ASKED_ABOUT,
)


@dataclass
class _Page:
    """A message whose understood parts are blanked out one after the other."""

    text: str

    def take(self, start: int, end: int) -> None:
        self.text = self.text[:start] + " " * (end - start) + self.text[end:]


@dataclass
class _Titles:
    """Item rows by what is said of them."""

    like: list[int] = field(default_factory=list)
    unlike: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    about: list[int] = field(default_factory=list)
    than: list[int] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, role: _TitleRole, row: int) -> None:
        if role and row not in getattr(self, role):
            getattr(self, role).append(row)


class Understanding:
    """Reads messages against one catalogue.

    Parameters
    ----------
    facts : ItemFacts
        What there is to ask for.
    genre_words : GenreWords
        Words for the catalogue's genres.
    columns : sequence of str
        Columns of the item table: what it can be asked about at all.
    """

    def __init__(
        self, facts: ItemFacts, genre_words: GenreWords, columns: Sequence[str] = ()
    ) -> None:
        self._facts = facts
        self._genre_words = genre_words
        self._columns = {column.lower() for column in columns}

    def read(self, text: str, default_language: Language = "en") -> Request:
        """What `text` asks for; never raises."""
        language = detect_language(text, default_language)
        page = _Page(text)
        titles = self._titles(page)
        without_titles = page.text
        people, no_people = self._people(page)
        about, refused = _places(page)
        years, relative = phrases.read_years(page.text)
        no_years = phrases.read_no_years(page.text)
        if relative and titles.than:
            years = self._years_against(titles.than[0], relative) or years
        count = phrases.read_count(page.text)
        topic = phrases.read_topic(page.text)
        genres, no_genres = self._genres(page)
        mood = _mood(page.text)
        kinds = (genres, no_genres, years, no_years, people, no_people)
        named = (titles.like, titles.unlike, titles.seen, titles.missing)
        points = (relative, count, about, refused, phrases.ASKING.search(text))
        act = _act(page.text, wish=(*kinds, *named), asked=points, mood=mood)
        items = (*titles.about, *titles.like, *about, *refused)
        if act in ("recommend", "more"):
            is_question = text.rstrip().endswith(("?", "？")) and not phrases.MORE_LIKE.search(text)
            is_about = titles.about or (about and is_question)
            is_about = is_about and not any((*kinds, titles.like))
            if topic == "all" and any(kinds) and not items:
                topic = ""  # "tell me about some good comedies" asks for comedies
            if topic or is_about:
                act, topic = "ask", topic or "all"
        missing = tuple(titles.missing)
        if act == "ask" and not (items or missing):
            missing = self._asked_in_vain(without_titles)
        # A title in a question is what it is about, not an example of what is wanted.
        is_wish = act in ("recommend", "more", "reset")
        return Request(
            text=text,
            language=language,
            act=act,
            genres=genres,
            no_genres=no_genres,
            years=years,
            relative=relative,
            like=tuple(titles.like) if is_wish else (),
            unlike=tuple(row for row in titles.unlike if row not in titles.like),
            seen=tuple(titles.seen),
            about=tuple(titles.about if is_wish else (*titles.about, *titles.like)),
            refused=refused,
            places=about,
            people=people,
            count=count,
            mood=mood,
            extends=phrases.ALSO.search(text) is not None,
            no_title=missing,
            unstated=self._unstated(text),
            topic=topic if act == "ask" else "",
            no_years=no_years,
            no_people=no_people,
        )

    def _titles(self, page: _Page) -> _Titles:
        """Items named, with what is said of each, and quoted titles that do not exist."""
        found = _Titles()
        for inner, start, end in quoted_parts(page.text):
            row = self._facts.titles.link(inner)
            if row is None:
                found.missing.append(inner.strip())
            else:
                found.add(_said_of(page.text, start, end), row)
            page.take(start, end)
        self._compared(page, found)
        for mention in self._facts.titles.find(page.text):
            if self._distinctive(page.text[mention.start : mention.end]):
                row = self._facts.titles.best(mention.rows)
                found.add(_said_of(page.text, mention.start, mention.end), row)
                page.take(mention.start, mention.end)
        return found

    def _compared(self, page: _Page, found: _Titles) -> None:
        """Titles behind "like", "loved", "who directed": there a single plain word may be one."""
        text = page.text
        for pattern in _TITLE_PATTERNS:
            for match in pattern.finditer(text):
                group = "title" if match["title"] else "zhtitle"  # the latter where it is asked
                freely = pattern is phrases.COMPARED or bool(match.groupdict().get("freely"))
                linked = self._listed_titles(page, *match.span(group), freely=freely)
                for row, start, end in linked:
                    role = _said_of(text, start, end, match.start(group))
                    is_asked = pattern is phrases.ASKED_ABOUT and role != "unlike"
                    found.add("about" if is_asked else role, row)
                    page.take(start, end)

    def _listed_titles(
        self, page: _Page, begin: int, stop: int, *, freely: bool
    ) -> list[tuple[int, int, int]]:
        """Titles one after the other, with "and" between: row, start, end of each."""
        listed = [word for word in words(page.text) if begin <= word.start and word.end <= stop]
        found: list[tuple[int, int, int]] = []
        at = 0
        while at < len(listed):
            for length in range(len(listed) - at, 0, -1):
                start, end = listed[at].start, listed[at + length - 1].end
                whole = freely and at + length == len(listed)
                row = self._linked(page.text[start:end], whole=whole)
                if row is not None:
                    found.append((row, start, end))
                    break
            else:
                break
            at += length
            if at < len(listed) and listed[at].form not in ("and", "or"):
                break
            at += 1
        return found

    def _years_against(self, row: int, relative: phrases.Relative) -> phrases.Years | None:
        """Years before or after that of an item; None where it is unknown."""
        year = self._facts.year(row)
        if year is None:
            return None
        return (None, year - 1) if relative == "older" else (year + 1, None)

    def _asked_in_vain(self, text: str) -> tuple[str, ...]:
        """What a question is about as though it were a title, where no title comes near."""
        for match in phrases.ASKED_ABOUT.finditer(text):
            part = (match["title"] or match["zhtitle"]).strip()
            listed = words(part)
            points = phrases.NOT_A_TITLE.match(part) or phrases.POINTING.match(part)
            named = self._genre_words.find(part) and len(listed) <= 2
            if listed and not (points or named or phrases.PLACE_IN_LIST.search(part)):
                return (part,)
        return ()

    def _linked(self, part: str, *, whole: bool) -> int | None:
        """Item named by the words behind "like": exactly, or nearly where all of them are meant."""
        named = self._genre_words.find(part)
        if phrases.NOT_A_TITLE.match(part) or (named and len(words(part)) <= 2):
            return None
        dated = phrases.DATED.match(part)
        exact = self._facts.titles.rows(dated["title"] if dated else part)
        if dated:
            exact = tuple(row for row in exact if self._facts.year(row) == int(dated["year"]))
        if exact and (len(words(part)) > 1 or part[:1].isupper() or whole):
            return self._facts.titles.best(exact)
        return self._facts.titles.link(part) if whole and not named else None

    def _distinctive(self, part: str) -> bool:
        """Whether words in running text are a title and not just words ("heat", "big night")."""
        listed = words(part)
        if self._genre_words.find_words(listed) and not part[:1].isupper():
            return False
        content = [word for word in listed if word.form not in load_words("stop_words.txt")]
        if len(listed) == 1:
            return False
        return bool(content) and (part[:1].isupper() or len(listed) >= 3 or len(content) >= 2)

    def _people(self, page: _Page) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """People of the catalogue whose full name stands in the message: wanted and not wanted."""
        listed = words(page.text)
        found: dict[str, tuple[bool, int, int]] = {}
        for at in range(len(listed)):
            for length in (4, 3, 2):
                part = listed[at : at + length]
                name = " ".join(word.form for word in part)
                if len(part) == length and name in self._facts.person_rows:
                    start, end = part[0].start, part[-1].end
                    found[name] = negated(page.text, start), start, end
                    break
        for _, start, end in found.values():
            page.take(start, end)
        wanted = tuple(name for name, (negative, _, _) in found.items() if not negative)
        return wanted, tuple(name for name in found if name not in wanted)

    def _genres(self, page: _Page) -> tuple[tuple[str, ...], tuple[str, ...]]:
        wanted: dict[str, None] = {}
        unwanted: dict[str, None] = {}
        found: list[GenreMention] = []
        for mention in self._genre_words.find(page.text):
            side = unwanted if negated(page.text, mention.start) else wanted
            side[mention.genre] = None
            found.append(mention)
        for mention in found:
            page.take(mention.start, mention.end)
        return tuple(genre for genre in wanted if genre not in unwanted), tuple(unwanted)

    def _unstated(self, text: str) -> tuple[str, ...]:
        return tuple(
            name
            for name, (pattern, columns) in _UNSTATED.items()
            if pattern.search(text) and self._columns.isdisjoint(columns)
        )


def _said_of(text: str, start: int, end: int, list_start: int | None = None) -> _TitleRole:
    """What is said of the title between `start` and `end`, or of the list that it stands in."""
    begin = start if list_start is None else list_start
    if phrases.seen(text, begin, end):
        # "I have not seen it" says neither that they know it nor that they do not want it.
        return "" if not_seen(text, begin) else "seen"
    if phrases.is_compared(text, begin):
        return "than"
    return "unlike" if negated(text, begin) else "like"


def _places(page: _Page) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Places in the last list that a message is about, and those it turns down."""
    about: list[int] = []
    refused: list[int] = []
    turned_down, end = False, 0
    for match in list(phrases.PLACE_IN_LIST.finditer(page.text)):
        place = phrases.place_of(match)
        # "I have seen the first one and the second one": both.
        joined = page.text[end : match.start()].strip() in ("and", "or", "、", "和", "与")
        turned_down = (turned_down and joined) or phrases.refused(page.text, *match.span())
        end = match.end()
        (refused if turned_down else about).append(place)
        page.take(match.start(), match.end())
    return tuple(dict.fromkeys(about)), tuple(dict.fromkeys(refused))


def _act(text: str, *, wish: Sequence[object], asked: Sequence[object], mood: str) -> Act:
    heavier = {"": False, "wish": any(wish), "asked": any((*wish, *asked))}
    heavier["any"] = heavier["asked"] or bool(mood)
    for act, pattern, outweighed in phrases.ACTS:
        if pattern.search(text) and not heavier[outweighed]:
            return act
    return "recommend"


def _mood(text: str) -> str:
    """Free words that are neither grammar nor request, translated where they are Chinese."""
    if has_chinese(text):
        return " ".join(english for word, english in load("moods.json").items() if word in text)
    stop = load_words("stop_words.txt")
    left = []
    for word in words(text):
        known = word.form in stop or word.form.isdigit() or phrases.YEAR_WORD.match(word.form)
        if not known and not negated(text, word.start):
            left.append(word.form)
    return " ".join(left)
