"""Understanding: what a visitor asks for, read from their words by rules and the catalogue.

No language model takes part, so the same words always mean the same request, and nothing that is
typed can talk the system into anything but a filter, a direction, or a question it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from llm_layer import phrases
from llm_layer.facts import ItemFacts
from llm_layer.genres import GenreMention, GenreWords
from llm_layer.lexicon import load, load_words
from llm_layer.text import Language, detect_language, has_chinese, quoted_parts, words

Act: TypeAlias = Literal[
    "recommend", "more", "why", "fact", "profile", "fewer", "reset", "greet", "thanks", "bye"
]

# What people often ask for and few catalogues state: the words, and the columns that would do.
_UNSTATED = {
    "length": (phrases.LENGTH, ("runtime", "duration", "length", "minutes")),
    "rating": (phrases.RATING, ("rating", "score", "stars", "imdb")),
    "place": (phrases.PLACE, ("platform", "provider", "availability")),
}


@dataclass(frozen=True)
class Request:
    """What one message asks for.

    Attributes
    ----------
    text : str
        As typed.
    language : {"en", "zh"}
        Of the message.
    act : str
        What kind of turn it is.
    genres, no_genres : tuple of str
        Catalogue genres wanted and not wanted.
    years : tuple of (int or None, int or None) or None
        First and last year wanted; None where the message says nothing of years.
    relative : {"older", "newer"} or None
        Against what was shown last.
    like, unlike : tuple of int
        Item rows that were named, by what was said of them.
    refused : tuple of int
        Places (from 1, -1 the last) in the last list of items that are not wanted.
    places : tuple of int
        Places in the last list that the message is about.
    people : tuple of str
        Comparable forms of names of people in the catalogue.
    count : int or None
        How many items are wanted.
    mood : str
        What is left in free words, in English; empty where nothing is.
    extends : bool
        The genres come on top of those wanted before ("also", "with some").
    no_title : tuple of str
        Phrases given as titles that no title comes near to.
    unstated : tuple of str
        What was asked for that the catalogue does not state (length, rating, place).
    topic : str
        For questions about a fact: ``"director"``, ``"actor"``, ``"year"``, ``"genre"``, ``"all"``.
    """

    text: str
    language: Language = "en"
    act: Act = "recommend"
    genres: tuple[str, ...] = ()
    no_genres: tuple[str, ...] = ()
    years: tuple[int | None, int | None] | None = None
    relative: Literal["older", "newer"] | None = None
    like: tuple[int, ...] = ()
    unlike: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    people: tuple[str, ...] = ()
    count: int | None = None
    mood: str = ""
    extends: bool = False
    no_title: tuple[str, ...] = ()
    unstated: tuple[str, ...] = ()
    topic: str = ""

    @property
    def is_mood_only(self) -> bool:
        """Whether nothing was understood but free words."""
        wishes = (self.genres, self.no_genres, self.years, self.relative, self.like, self.unlike)
        others = (self.refused, self.places, self.people, self.count, self.no_title)
        return bool(self.mood) and not any((*wishes, *others)) and self.act == "recommend"


@dataclass
class _Page:
    """A message whose understood parts are blanked out one after the other."""

    text: str

    def take(self, start: int, end: int) -> None:
        self.text = self.text[:start] + " " * (end - start) + self.text[end:]


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
        like, unlike, no_title = self._titles(page)
        people = self._people(page)
        about, refused = _places(page)
        years, relative = phrases.read_years(page.text)
        count = phrases.read_count(page.text)
        topic = phrases.read_topic(page.text)
        genres, no_genres = self._genres(page)
        wishes = (genres, years, like, people, unlike, no_genres, no_title)
        act = _act(page.text, any(wishes))
        return Request(
            text=text,
            language=language,
            act="fact" if topic and act in ("recommend", "more") else act,
            genres=genres,
            no_genres=no_genres,
            years=years,
            relative=relative,
            like=like,
            unlike=unlike,
            refused=refused,
            places=about,
            people=people,
            count=count,
            mood=_mood(page.text),
            extends=phrases.ALSO.search(text) is not None,
            no_title=no_title,
            unstated=self._unstated(text),
            topic=topic,
        )

    def _titles(self, page: _Page) -> tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...]]:
        """Items named, liked or not, and quoted or compared titles that do not exist."""
        found: list[tuple[int, bool]] = []
        missing: list[str] = []
        for inner, start, end in quoted_parts(page.text):
            row = self._facts.titles.link(inner)
            if row is None:
                missing.append(inner.strip())
            else:
                found.append((row, phrases.negated(page.text, start)))
            page.take(start, end)
        found += self._compared(page)
        for mention in self._facts.titles.find(page.text):
            if self._distinctive(page.text[mention.start : mention.end]):
                row = self._facts.titles.best(mention.rows)
                found.append((row, phrases.negated(page.text, mention.start)))
                page.take(mention.start, mention.end)
        like = tuple(dict.fromkeys(row for row, negative in found if not negative))
        unlike = tuple(dict.fromkeys(row for row, negative in found if negative))
        return like, unlike, tuple(missing)

    def _compared(self, page: _Page) -> list[tuple[int, bool]]:
        """Titles behind "like", "similar to", "loved": there a single plain word may be one."""
        found: list[tuple[int, bool]] = []
        compared = [(match, True) for match in phrases.COMPARED.finditer(page.text)]
        asked = [(match, False) for match in phrases.ASKED_ABOUT.finditer(page.text)]
        for match, freely in (*compared, *asked):
            start, end = match.span("title")
            listed = [word for word in words(page.text) if start <= word.start and word.end <= end]
            for length in range(len(listed), 0, -1):
                part = page.text[listed[0].start : listed[length - 1].end]
                row = self._linked(part, whole=freely and length == len(listed))
                if row is not None:
                    found.append((row, phrases.negated(page.text, start)))
                    page.take(listed[0].start, listed[length - 1].end)
                    break
        return found

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

    def _people(self, page: _Page) -> tuple[str, ...]:
        """People of the catalogue whose full name stands in the message."""
        listed = words(page.text)
        found: dict[str, None] = {}
        for at in range(len(listed)):
            for length in (4, 3, 2):
                part = listed[at : at + length]
                name = " ".join(word.form for word in part)
                if len(part) == length and name in self._facts.person_rows:
                    found[name] = None
                    page.take(part[0].start, part[-1].end)
                    break
        return tuple(found)

    def _genres(self, page: _Page) -> tuple[tuple[str, ...], tuple[str, ...]]:
        wanted: dict[str, None] = {}
        unwanted: dict[str, None] = {}
        found: list[GenreMention] = []
        for mention in self._genre_words.find(page.text):
            side = unwanted if phrases.negated(page.text, mention.start) else wanted
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


def _places(page: _Page) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Places in the last list that a message is about, and those it turns down."""
    about: list[int] = []
    refused: list[int] = []
    for match in list(phrases.PLACE_IN_LIST.finditer(page.text)):
        place = phrases.place_of(match)
        turned_down = phrases.refused(page.text, match.start(), match.end())
        (refused if turned_down else about).append(place)
        page.take(match.start(), match.end())
    return tuple(dict.fromkeys(about)), tuple(dict.fromkeys(refused))


def _act(text: str, has_content: bool) -> Act:
    for act, pattern, alone in phrases.ACTS:
        if pattern.search(text) and not (alone and has_content):
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
        if not known and not phrases.negated(text, word.start):
            left.append(word.form)
    return " ".join(left)
