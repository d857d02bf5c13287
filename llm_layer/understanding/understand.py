"""Understanding: what a visitor asks for, read from their words by rules and the catalogue.

No language model takes part, so the same words always mean the same request, and nothing that is
typed can talk the system into anything but a filter, a direction, or a question it knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.intents.decide import decided
from llm_layer.intents.model import IntentModel
from llm_layer.intents.observe import Observation, observed
from llm_layer.lexicon import load, load_words
from llm_layer.text import Language, detect_language, has_chinese, readable, simplified, words
from llm_layer.understanding import acts, phrases
from llm_layer.understanding.act_words import OPEN
from llm_layer.understanding.critique import Critique, Leanings
from llm_layer.understanding.foreign import is_foreign
from llm_layer.understanding.measures import Measures
from llm_layer.understanding.mentions import TitleReader
from llm_layer.understanding.negation import negated
from llm_layer.understanding.numbers import NUMBER, read_number
from llm_layer.understanding.page import PERSON, PLACE, Page, Titles
from llm_layer.understanding.people import PersonIndex
from llm_layer.understanding.places import all_seen, points_back, read_count, read_places
from llm_layer.understanding.request import Act, Range, Request, Years
from llm_layer.understanding.told import habits, is_told
from llm_layer.understanding.values import ValueWords
from llm_layer.understanding.years import YEAR_WORD, is_compared, read_no_years, read_years

# A number and up to two words before a genre.
_NUMBER_BEFORE = re.compile(rf"(?<![\w-])({NUMBER})\s+(?:\w+\s+){{0,2}}$", re.IGNORECASE)
# "Which is the cheapest?" names no title.
_SUPERLATIVE = re.compile(r"\b(?:\w{2,}est|most|least|best|worst|better)\b|最|更", re.IGNORECASE)
MOST_COUNTED = 30
_MOST_SHOWN = 10

__all__ = ["Act", "Range", "Request", "Understanding"]


@dataclass(frozen=True)
class _Parsed:
    """What was read in a message, its act aside."""

    request: Request
    signs: acts.Signs
    titles: Titles
    page: Page

    def observation(self) -> Observation:
        """What the model of intents sees of it."""
        return observed(self.page, self.signs, self.request)


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
    intents : IntentModel, optional
        Tells the acts that no rule knows; without one rules alone do.
    """

    def __init__(
        self,
        facts: ItemFacts,
        genre_words: GenreWords,
        columns: Sequence[str] = (),
        intents: IntentModel | None = None,
    ) -> None:
        self._intents = intents
        self._facts = facts
        self._genre_words = genre_words
        self._columns = {column.lower() for column in columns}
        self._people = PersonIndex(facts.person_rows, facts.popularity)
        self._values = ValueWords(facts.attributes, facts.genre_names)
        self._measures = Measures(facts.attributes)
        self._leanings = Leanings(genre_words)
        self._titles = TitleReader(facts, genre_words, self._is_known)

    def read(
        self, text: str, default_language: Language = "en", *, in_talk: bool = False
    ) -> Request:
        """What `text` asks for; never raises.

        Parameters
        ----------
        text : str
            A message.
        default_language : {"en", "zh"}
            Of a message without any letter.
        in_talk : bool
            Whether a list was shown already: "a western" then narrows what is asked for.
        """
        parsed = self._parsed(readable(text), default_language, in_talk)
        if isinstance(parsed, Request):
            return parsed
        return self._settled(parsed, self._act(parsed))

    def _act(self, parsed: _Parsed) -> Act:
        if self._intents is None:
            return acts.act_of(parsed.signs)
        seen = parsed.observation()
        return decided(seen, self._intents.verdict(seen.shape, seen.signs))

    def observed(
        self, text: str, default_language: Language = "en", *, in_talk: bool = False
    ) -> Observation | None:
        """What the model of intents sees of a message; None where its act is beyond doubt.

        Parameters
        ----------
        text, default_language, in_talk
            As for :meth:`read`.
        """
        parsed = self._parsed(readable(text), default_language, in_talk)
        return None if isinstance(parsed, Request) else parsed.observation()

    def _parsed(self, text: str, default_language: Language, in_talk: bool) -> _Parsed | Request:
        """What a message says, its act aside; the request where that is plain at once."""
        language = detect_language(text, default_language)
        plain = simplified(text)
        if acts.is_outside(plain, has_genres=bool(self._genre_words.find(plain))):
            return Request(text=text, language=language, act="out_of_scope")
        typed = text.lower() if text.isupper() else text
        page = Page(simplified(typed), typed)
        page.kind = "item"
        titles = self._titles.read(page)
        if is_foreign(page.text):
            return Request(text=text, language="en", is_foreign=True)
        page.kind = "person"
        people, no_people = self._read_people(page)
        is_habit, rest = habits(page.text, page.take)
        asked = {mention.genre for mention in self._genre_words.find(rest)} if is_habit else set()
        is_habit = is_habit and not (asked or PERSON in rest or read_years(rest)[0])
        page.kind = "place"
        back = points_back(page.text)
        places, refused, seen_places = read_places(
            page.text, lambda start, end: page.take(start, end, PLACE)
        )
        if not (places or refused) and all_seen(page.text):
            seen_places = tuple(range(1, _MOST_SHOWN + 1))
        shape = page.text
        page.kind = "number"
        critique = Critique()
        self._measures.read(page.text, critique, page.take)
        years, relative = read_years(page.text)
        compared = is_compared(page.text) or bool(titles.than)
        no_years = read_no_years(page.text)
        if relative and titles.than:
            years = self._years_against(titles.than[0], relative) or years
        elif years is not None:
            relative = None  # "these are ancient, anything after 95?": the years say it
        count = read_count(page.text) or self._count_of_kind(page.text)
        page.kind = "leaning"
        if not refused:
            self._leanings.read(page.text, critique, page.take)
        page.kind = "genre"
        genres, no_genres = self._read_genres(page)
        if asked:  # "I mostly watch comedies, but tonight I want a western"
            genres = tuple(genre for genre in genres if genre in asked)
        page.kind = "value"
        attributes, no_attributes = self._read_values(page)
        mood = _mood(page.text)
        topic = acts.topic_of(shape)
        is_open = acts.Shape(shape).has(OPEN)
        request = Request(
            text=text,
            language=language,
            genres=genres,
            no_genres=no_genres,
            years=years,
            relative=relative,
            like=tuple(titles.like),
            unlike=tuple(row for row in titles.unlike if row not in titles.like),
            seen=tuple(titles.seen),
            about=tuple(titles.about),
            refused=refused,
            places=places,
            people=people,
            count=count,
            mood="" if is_open else mood,
            extends=phrases.ALSO.search(plain) is not None,
            no_title=tuple(titles.missing),
            near=tuple(row for row in titles.near if row not in titles.named),
            guessed=tuple(titles.guessed),
            unstated=self._unstated(plain, critique),
            no_years=no_years,
            no_people=no_people,
            ranges=tuple(critique.ranges),
            shifts=dict(critique.shifts),
            leanings=dict(critique.leanings),
            attributes=attributes,
            no_attributes=no_attributes,
            is_told=bool(titles.like) and is_told(shape),
            is_habit=is_habit,
            is_open=is_open,
            same_person=acts.means_same_person(shape),
            points_back=back,
            seen_places=seen_places,
        )
        signs = self._signs(request, shape, titles, topic, in_talk)
        if critique.is_denied:
            signs = replace(signs, denied=True)
        signs = replace(signs, comparative=critique.is_comparative or (compared and bool(relative)))
        return _Parsed(request, signs, titles, page)

    def person(self, name: str) -> str | None:
        """Comparable form of whom a name means, whole, in part or misspelled; None for nobody."""
        return self._people.link(name)

    def _signs(
        self, request: Request, shape: str, titles: Titles, topic: str, in_talk: bool
    ) -> acts.Signs:
        denied = (request.no_genres, request.no_years, request.no_people, request.no_attributes)
        limits = (request.years, request.relative, request.ranges, request.shifts)
        return acts.Signs(
            text=shape,
            genres=bool(request.genres),
            limits=any(limits),
            people=bool(request.people),
            values=bool(request.attributes),
            mood=request.mood,
            denied=any(denied),
            examples=bool(titles.like),
            counter=bool(titles.unlike),
            seen=bool(titles.seen),
            missing=bool(titles.missing),
            places=bool(request.places),
            refused=bool(request.refused),
            n_items=len(titles.named) + len(request.places) + len(request.refused),
            leaning=bool(request.leanings),
            topic=topic,
            is_question=request.text.endswith(("?", "？")),
            in_talk=in_talk,
            count=request.count is not None,
        )

    def _settled(self, parsed: _Parsed, act: Act) -> Request:
        """The request with its act, and what an item means under it."""
        request, titles = parsed.request, parsed.titles
        topic, shape = parsed.signs.topic, parsed.signs.text
        if act == "recommend" and not request.has_wish and not request.no_title:
            row = self._titles.alone(request.text)
            if row is not None:
                return replace(request, act="ask", topic="all", about=(row,), mood="", count=None)
        named = titles.named
        if act in ("ask", "compare", "why"):
            # A title in a question is what it is about, not an example of what is wanted.
            about = tuple(row for row in named if row not in titles.seen)
            missing = request.no_title
            is_asked_of_all = act == "compare" and _SUPERLATIVE.search(shape)
            if not (named or request.places or request.refused or missing or is_asked_of_all):
                missing = self._titles.missing_in(shape)
                near = map(self._facts.titles.near, missing)
                request = replace(request, near=tuple(row for row in near if row is not None))
            topic = "" if act == "why" else self._topic(topic)
            places = request.places or request.refused
            return _plain(
                replace(request, act=act, about=about, places=places, topic=topic, no_title=missing)
            )
        like = (*request.like, *request.about)
        if act == "reject":
            request = replace(request, count=None)
        if act == "accept":
            return replace(_plain(request), act=act, like=like, no_title=request.no_title)
        if act in ("profile", "forget", "greet", "thanks", "bye", "out_of_scope"):
            return replace(_plain(request), act=act)
        if act == "more_like" and not (like or request.places):
            return replace(request, act=act, like=request.seen, seen=())
        if act == "not_like":
            if request.unlike or request.refused:  # "I like Alien, but not Aliens"
                return replace(request, act=act, about=())
            unlike = tuple(dict.fromkeys(like))
            places, refused = (), (*request.refused, *request.places)
            return replace(
                request, act=act, unlike=unlike, like=(), about=(), places=places, refused=refused
            )
        like = tuple(row for row in dict.fromkeys(like) if row not in request.unlike)
        seen = tuple(row for row in request.seen if row not in like)
        return replace(request, act=act, like=like, about=(), seen=seen)

    def _topic(self, topic: str) -> str:
        """A topic that is a column of the item table is called by that column."""
        if topic in self._measures.columns:
            return self._measures.columns[topic]
        for column in self._facts.attributes.values:
            if topic and topic in column.lower():
                return column
        return topic or "all"

    def _is_known(self, phrase: str) -> bool:
        """Whether a phrase names a person or a value of a column rather than an item."""
        form = " ".join(word.form for word in words(phrase))
        if not form:
            return True
        if form in self._facts.person_rows and " " in form:
            return True
        if (
            " " not in form
            and self._people.is_last_name(form)
            and not self._facts.titles.rows(form)
        ):
            return True
        found = self._values.find(phrase)
        return bool(found) and found[0].end - found[0].start >= len(phrase.strip()) - 1

    def _years_against(self, row: int, relative: str) -> Years | None:
        """Years before or after that of an item; None where it is unknown."""
        year = self._facts.year(row)
        if year is None:
            return None
        return (None, year - 1) if relative == "older" else (year + 1, None)

    def _read_people(self, page: Page) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """People of the catalogue who are wanted and who are not."""
        found: dict[str, bool] = {}
        taken = [word for mention in self._genre_words.find_words(page.words())
                 for word in page.text[mention.start : mention.end].lower().split()]  # fmt: skip
        for mention in self._people.find(page.text, taken, page.words()):
            found[mention.name] = negated(page.text, mention.start)
            page.take(mention.start, mention.end, PERSON)
        wanted = tuple(name for name, negative in found.items() if not negative)
        return wanted, tuple(name for name in found if name not in wanted)

    def _read_genres(self, page: Page) -> tuple[tuple[str, ...], tuple[str, ...]]:
        wanted: dict[str, None] = {}
        unwanted: dict[str, None] = {}
        found = self._genre_words.find_words(page.words())
        for mention in found:
            side = unwanted if negated(page.text, mention.start) else wanted
            side[mention.genre] = None
        for mention in found:
            page.take(mention.start, mention.end)
        return tuple(genre for genre in wanted if genre not in unwanted), tuple(unwanted)

    def _read_values(
        self, page: Page
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        """Values of other columns that are wanted and that are not."""
        wanted: dict[str, tuple[str, ...]] = {}
        unwanted: dict[str, tuple[str, ...]] = {}
        found = self._values.find_words(page.words(), page.text)
        for mention in found:
            side = unwanted if negated(page.text, mention.start) else wanted
            listed = side.get(mention.column, ())
            if mention.value not in listed:
                side[mention.column] = (*listed, mention.value)
        for mention in found:
            page.take(mention.start, mention.end)
        return wanted, unwanted

    def _count_of_kind(self, text: str) -> int | None:
        """How many of a genre are asked for: "4 fantasy adventures"."""
        for mention in self._genre_words.find(text):
            number = _NUMBER_BEFORE.search(text[: mention.start])
            if number is not None and text[mention.end - 1 : mention.end].lower() == "s":
                value = read_number(number[1])
                return int(value) if value and 1 <= value <= MOST_COUNTED else None
        return None

    def _unstated(self, text: str, critique: Critique) -> tuple[str, ...]:
        found = [name for name in critique.unstated if name in ("length", "rating", "price")]
        known = self._columns & {"rating", "score", "stars", "imdb", "awards"}
        if phrases.AWARDS.search(text) and not known and "rating" not in found:
            found.append("rating")
        places = {"platform", "provider", "availability"}
        if phrases.UNSTATED_PLACE.search(text) and self._columns.isdisjoint(places):
            found.append("place")
        return tuple(found)


def _plain(request: Request) -> Request:
    """A request without wishes: what is left of one that asks for no list."""
    return replace(
        request,
        genres=(),
        no_genres=(),
        years=None,
        relative=None,
        like=(),
        unlike=(),
        people=(),
        count=None,
        mood="",
        extends=False,
        refused=(),
        no_years=(),
        no_people=(),
        ranges=(),
        shifts={},
        leanings={},
        attributes={},
        no_attributes={},
        is_open=False,
    )


def _mood(text: str) -> str:
    """Free words that are neither grammar nor request, translated where they are Chinese."""
    if has_chinese(text):
        found = [english for word, english in load("moods.json").items() if word in text]
        return " ".join(dict.fromkeys(found))
    stop = load_words("stop_words.txt")
    left = []
    for word in words(text):
        known = word.form in stop or word.form.isdigit() or YEAR_WORD.match(word.form)
        if not known and not negated(text, word.start):
            left.append(word.form)
    return " ".join(left)
