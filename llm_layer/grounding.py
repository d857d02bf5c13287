"""Grounding: every claim in a reply is looked up before anybody reads it.

The check knows nothing of plans or prompts. It takes the words as they will be read, finds what
they claim, and compares each claim with the catalogue, with the history, and with what the visitor
said. Any word that it cannot account for is a violation: a reply may use the plain words of
``lexicon/plain_words_*.txt`` and of its :class:`~llm_layer.domain.Domain`, which state no fact, and
beyond those only what is supported.

What supports a claim:

- **title**: what stands in quotation marks, and any catalogue title of two words or more anywhere
  else, has to be an item of the reply, by exact comparable form (article and accents apart);
- **year** behind a title: the year of that item in the catalogue;
- **genre**, **person**, **attribute** (any other column: prices, lengths, levels, brands, numbers
  with their units): the catalogue's entry for the item that the words are said of
  (:mod:`llm_layer.checking.binding`); in a sentence that speaks of no item, the visitor's own
  request.
  Negated ("no comedy"), exclusive ("the only comedy") or compared ("more crime than") they are
  supported by nothing. A heading ("comedies from the 1990s:") has to hold for every item of the
  list below it;
- **shared** ("it shares comedy with ..."): the catalogue has it of all of them;
- **comparison** ("older than", "the cheapest of these"): the catalogue's numbers of both sides;
- **history** ("you watched"): the item is in the history; **naming** ("you named"): the visitor's
  own words spell it, slips of the fingers apart, whatever they were linked to; **habit** ("you
  often watch"): the genre is among the three most frequent ones; **stated** ("you said you like"):
  the profile has it; nothing else is said of the **visitor**;
- **count** ("three films"): so many are listed;
- **number**: the place of an item in a list, the year of an item next to it, or a year the
  visitor asked for;
- **link**, mail address, telephone number: the catalogue has exactly this one for that item;
- **sign**: nothing unseen, no markup, no quotation mark without a title.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking import surface
from llm_layer.checking.binding import POINTS, Bound, bind, comparisons
from llm_layer.checking.claims import Grounding, Known, Named, Reading
from llm_layer.checking.columns import Columns
from llm_layer.checking.comparing import Comparing
from llm_layer.checking.figures import Figures
from llm_layer.checking.sharing import Sharing
from llm_layer.checking.visitor_claims import VisitorClaims
from llm_layer.domain import FILMS, ROLE_WORDS, Domain
from llm_layer.lexicon import load_words
from llm_layer.text import Language, has_chinese, normalize, quoted_parts, words
from llm_layer.understanding.years import read_no_years, read_years

# Nothing is said of other people or of the assistant's own making, whatever the visitor asks.
_NO_ECHO = frozenset(
    (
        "user", "users", "customer", "customers", "viewer", "viewers", "reader", "readers",
        "everyone", "everybody", "someone", "somebody", "people", "person", "friend", "friends",
        "critic", "critics", "audience", "audiences", "instruction", "instructions", "prompt",
        "prompts", "system", "rule", "rules", "password", "secret", "secrets", "developer", "admin",
    )
)  # fmt: skip
# Plain words that are written with a capital anywhere; the languages are those of the assistant.
_I = frozenset({"i", "id", "ill", "im", "ive", "english", "chinese"})

_DECADE = re.compile(r"s\b|['’]s\b|年代")
_ROLE = re.compile(
    r"(direct|导演|执导)|(star|cast|act|主演|演员)|(author|wr[io]t|作者)|(teach|taught|老师|讲师)",
    re.IGNORECASE,
)
# "The director is a criminal" is about no genre.
_OF_A_PERSON = re.compile(
    r"\b(?:director|actor|actress|star|author|writer|artist|teacher|he|she|they|who)s?\b[^.!?\x00]*"
    r"\b(?:is|are|was|were|be|been)\b|(?:导演|主演|演员|作者|老师|[他她])[^。！？\x00]*是",
    re.IGNORECASE,
)
_ROLES = ("director", "actor", "author", "teacher")
_HEADING = re.compile(r"(?m)^[^\n]*[:：]$")
_EITHER = re.compile(r"\bor\b|或")
_YEAR_BEHIND = re.compile(r"\s*[(（](\d{4})[)）]")
_NUMBER = re.compile(r"\d+")
_TYPED_YEAR = re.compile(r"(?:18|19|20)\d\d")
_MARKER = re.compile(r"(?m)^(\d{1,2})\. (?=[\x00“《])")
_LATIN = re.compile(r"[a-z]+")


class GroundingChecker:
    """Checks replies against one catalogue."""

    def __init__(self, facts: ItemFacts, genre_words: GenreWords, domain: Domain = FILMS) -> None:
        self._facts = facts
        self._genre_words = genre_words
        self._domain = domain
        roles = facts.roles
        self._plain: dict[Language, frozenset[str]] = {
            language: domain.plain_words(language)
            | {word for role in roles for word in words_of.get(role, "").split()}
            for language, words_of in ROLE_WORDS.items()
        }
        self._columns = Columns(facts)
        self._figures = Figures(facts, self._columns)
        self._comparing = Comparing(facts, self._columns, domain)
        self._sharing = Sharing(facts, genre_words)
        self._visitor = VisitorClaims(facts, genre_words, domain.noun, domain.nouns)

    def check(
        self, text: str, items: Sequence[Named], known: Known, language: Language = "en"
    ) -> Grounding:
        """Look up every claim in `text`.

        Parameters
        ----------
        text : str
            The reply as it will be read.
        items : sequence of Named
            Items the reply declares.
        known : Known
            History and messages of the visitor.
        language : {"en", "zh"}
            Language the reply has to be in.
        """
        declared = {self._facts.row(item.id): item for item in items}
        listed = tuple(row for row, item in declared.items() if item.role == "recommended")
        reading = Reading(text, text, listed)
        self._policies(reading, language)
        surface.unseen(reading)
        self._titles(reading, declared)
        self._roles(reading, declared, known)
        self._markers(reading)
        surface.links(reading, self._facts, self._columns)
        self._sharing.check(reading)
        self._visitor.check(reading, known)
        self._comparing.comparatives(reading, known)
        self._comparing.relations(reading)
        self._figures.numbers(reading, known)
        self._comparing.counts(reading)
        requested = self._requested(known.said)
        self._headings(reading, requested)
        self._people(reading, requested)
        self._genres(reading, requested)
        self._figures.texts(reading, known)
        self._numbers(reading, known.said)
        for word in comparisons(reading):
            reading.claim("words", f"{word} (compared)", False, "plain words")
        surface.signs(reading, known.style.emoji)
        self._words(reading, language, known.said)
        return Grounding(all(claim.verdict for claim in reading.claims), tuple(reading.claims))

    def _policies(self, reading: Reading, language: Language) -> None:
        """Sentences of the domain's policies, word for word: whoever runs it answers for them."""
        for policy in self._domain.policies:
            text = policy.text(language)
            start = reading.left.find(text) if text else -1
            if start >= 0:
                reading.claim("policy", text, True, "policy", policy.name)
                reading.blank(start, start + len(text))

    def _titles(self, reading: Reading, declared: dict[int, Named]) -> None:
        for inner, start, end in quoted_parts(reading.text):
            rows = self._facts.titles.rows(inner)
            year = _YEAR_BEHIND.match(reading.text, end)
            rows_here = [row for row in rows if row in declared]
            if year is not None and rows_here:
                dated = [row for row in rows_here if self._facts.year(row) == int(year[1])]
                row = (dated or rows_here)[0]
                said, items = f"{self._facts.title(row)}: {year[1]}", self._facts.items([row])
                reading.claim("year", said, bool(dated), "catalogue", "year", items)
                rows_here = dated or rows_here
            items = self._facts.items(rows_here or rows)
            reading.claim("title", inner, bool(rows_here), "catalogue", "title", items)
            stop = year.end() if year is not None and rows_here else end
            reading.blank(start, stop)
            if rows_here:
                reading.places.append((start, stop, rows_here[0]))
        for mention in self._facts.titles.find(reading.left):
            # A single word is a title only between quotation marks; elsewhere it is a word, and
            # looked at with the other words. Two and more are taken for the title they spell.
            if self._is_title(mention.form) and not set(mention.rows) & set(declared):
                said = reading.text[mention.start : mention.end]
                items = self._facts.items(mention.rows[:5])
                reading.claim("title", said, False, "catalogue", "title", items)
                reading.blank(mention.start, mention.end)

    def _is_title(self, form: str) -> bool:
        """Whether words outside of quotation marks are taken for the title they spell."""
        return " " in form and form.replace(" ", "") not in self._plain["zh"]

    def _roles(self, reading: Reading, declared: dict[int, Named], known: Known) -> None:
        """An item declared as the visitor's own has to be."""
        for row, item in declared.items():
            if item.role == "reason" and row not in known.history | known.named:
                reading.claim("history", item.title, False, "history", items=(item.id,))
            is_named = row in known.named and self._visitor.is_said(row, known)
            if item.role == "asked" and not is_named:
                reading.claim("naming", item.title, False, "messages", items=(item.id,))
            if item.role == "shown" and row not in known.shown:
                reading.claim("shown", item.title, False, "earlier replies", items=(item.id,))
            if item.role == "guessed" and row not in known.guessed:
                reading.claim("naming", item.title, False, "messages", items=(item.id,))
            if item.role == "suggested" and not all(
                reading.is_question(start) for start, _, other in reading.places if other == row
            ):
                reading.claim("naming", item.title, False, "messages", items=(item.id,))

    def _markers(self, reading: Reading) -> None:
        """Numbers at the heads of lines have to be the places of the recommended items."""
        for match in list(_MARKER.finditer(reading.left)):
            behind = [row for start, _, row in reading.places if start == match.end()]
            place, rows = int(match[1]), reading.listed
            right = bool(behind) and 0 < place <= len(rows) and rows[place - 1] == behind[0]
            items = self._facts.items(behind)
            reading.claim("number", match.group().strip(), right, "reply", items=items)
            reading.blank(match.start(1), match.end(1))

    def _requested(self, said: Sequence[str]) -> set[str]:
        """Genres and names of people that the visitor used."""
        text = "\n".join(said)
        genres = {mention.genre for mention in self._genre_words.find(text)}
        return genres | {name for name, _, _ in self._names(text, any_case=True)}

    def _names(self, text: str, *, any_case: bool = False) -> list[tuple[str, int, int]]:
        """Names of the catalogue's people: comparable form, start, end; longest first.

        A name of one word needs a capital, and must be no plain word ("Will").
        """
        plain = self._plain["en"]
        longest = self._facts.longest_name
        listed = words(text)
        found: list[tuple[str, int, int]] = []
        at = 0
        while at < len(listed):
            step = 1
            for length in range(min(longest, len(listed) - at), 0, -1):
                part = listed[at : at + length]
                name = " ".join(word.form for word in part)
                capital = any_case or text[part[0].start].isupper()
                is_name = length > 1 or (capital and name not in plain)
                if is_name and name in self._facts.person_rows:
                    found.append((name, part[0].start, part[-1].end))
                    step = length
                    break
            at += step
        return found

    def _people(self, reading: Reading, requested: set[str]) -> None:
        for name, start, end in self._names(reading.left):
            bound = bind(reading, start, end)
            role = _role_before(reading, start)
            supported = not bound.doubt and (
                all(self._took_part(name, row, role) for row in bound.rows)
                if bound.rows
                else name in requested
            )
            said = _worded(reading, start, end, bound.doubt)
            if bound.rows:
                items = self._facts.items(bound.rows)
                reading.claim("person", said, supported, "catalogue", role or "people", items)
            else:
                reading.claim("person", said, supported, "messages")
            reading.blank(start, end)

    def _took_part(self, name: str, row: int, role: str) -> bool:
        if row not in self._facts.person_rows[name]:
            return False
        listed = self._facts.people(row)
        having = listed.get(role, ()) or (listed.get("artist", ()) if role == "author" else ())
        return not role or name in map(normalize, having)

    def _genres(self, reading: Reading, requested: set[str]) -> None:
        mentions = self._genre_words.find(reading.left)
        bounds = [bind(reading, mention.start, mention.end) for mention in mentions]
        for mention, bound in zip(mentions, bounds, strict=True):
            said = _worded(reading, mention.start, mention.end, bound.doubt)
            if bound.rows:
                supported = all(mention.genre in self._facts.genres(row) for row in bound.rows)
                items = self._facts.items(bound.rows)
                fine = supported and not bound.doubt
                reading.claim("genre", said, fine, "catalogue", "genres", items)
                continue
            # A question may offer any genre there is: it states nothing about an item.
            supported = mention.genre in requested or reading.is_question(mention.start)
            supported = supported and not _OF_A_PERSON.search(
                reading.left, reading.sentence(mention.start)[0], mention.start
            )
            reading.claim("genre", said, supported and not bound.doubt, "messages")
        for mention in mentions:
            reading.blank(mention.start, mention.end)

    def _headings(self, reading: Reading, requested: set[str]) -> None:
        """What a heading says, one that ends with a colon, holds for every item below it."""
        rows, items = reading.listed, self._facts.items(reading.listed)
        for match in list(_HEADING.finditer(reading.left)):
            text = match.group()
            either = _EITHER.search(text) is not None
            mentions = self._genre_words.find(text)
            genres = {mention.genre for mention in mentions}
            for mention in mentions:
                having = [mention.genre in self._facts.genres(row) for row in rows]
                if either:
                    having = [bool(genres & set(self._facts.genres(row))) for row in rows]
                supported = all(having) if rows else mention.genre in requested
                said = text[mention.start : mention.end]
                reading.claim("genre", said, supported, "catalogue", "genres", items)
            names = self._names(text)
            for name, start, end in names:
                theirs = self._facts.person_rows[name]
                supported = all(row in theirs for row in rows) if rows else name in requested
                reading.claim("person", text[start:end], supported, "catalogue", "people", items)
            first, last = read_years(text)[0] or (None, None)
            if first is not None or last is not None:
                years = [self._facts.year(row) or 0 for row in rows]
                supported = all((first or 0) <= year <= (last or 9999) for year in years)
                reading.claim("year", text.strip(), supported, "catalogue", "year", items)
            for start, end in [(each.start, each.end) for each in mentions] + [
                (start, end) for _, start, end in names
            ]:
                reading.blank(match.start() + start, match.start() + end)

    def _numbers(self, reading: Reading, said: Sequence[str]) -> None:
        # Years and decades that were typed; any other number of a message is nobody's to repeat.
        asked = {
            match.group()
            for message in said
            for match in _NUMBER.finditer(message)
            if _TYPED_YEAR.fullmatch(match.group()) or _DECADE.match(message, match.end())
        }
        for message in said:
            spans = [read_years(message)[0] or (), *read_no_years(message)]
            asked |= {str(year) for years in spans for year in years if year is not None}
        for match in list(_NUMBER.finditer(reading.left)):
            bound = bind(reading, match.start(), match.end())
            decade = _DECADE.match(reading.left, match.end()) is not None
            first, last = reading.sentence(match.start())
            if bound.rows and not _HEADING.fullmatch(reading.left[first:last].strip("\n")):
                supported = not bound.doubt and all(
                    _dated(self._facts.year(row), match.group(), decade) for row in bound.rows
                )
            else:
                bound, supported = Bound((), bound.doubt), match.group() in asked
            said = _worded(reading, match.start(), match.end(), bound.doubt)
            if bound.rows:
                items = self._facts.items(bound.rows)
                reading.claim("number", said, supported, "catalogue", "year", items)
            else:
                reading.claim("number", said, supported, "messages")
            # With the "s" of "1990s", which is no word.
            end = match.end() + (reading.left[match.end() : match.end() + 1] == "s")
            reading.blank(match.start(), end)

    def _words(self, reading: Reading, language: Language, said: Sequence[str]) -> None:
        """Whatever is left has to be plain words of the right language."""
        if language == "zh":
            unknown = _unknown_chinese(reading.left, self._plain["zh"])
        else:
            unknown = self._unknown_english(reading, said)
            # "older" and "newer" compare with what was shown: the visitor has to have asked so.
            asked = {read_years(message)[1] for message in said}
            unknown = [word for word in unknown if word.casefold() not in asked]
        for word in unknown:
            reading.claim("words", word, False, "plain words")
        if not unknown:
            reading.claim("words", "all other words", True, "plain words")

    def _unknown_english(self, reading: Reading, said: Sequence[str]) -> list[str]:
        plain, asking = self._plain["en"], load_words("question_words_en.txt")
        echoed = {word.form for message in said for word in words(message)}
        echoed = {form for form in echoed if self._is_echo(form)}
        unknown = []
        for word in words(reading.left):
            first, _ = reading.sentence(word.start)
            inside = reading.left[first : word.start].strip(' \n\x00"“”')
            # A capital inside a sentence makes a name of a word, and no plain word is a name.
            capital = reading.text[word.start].isupper() and bool(inside)
            plain_here = word.form in plain and (not capital or word.form in _I)
            # A heading may repeat a wish, and a question: any other sentence would state something.
            begin, end = reading.line(word.start)
            free = reading.is_question(word.start) or (
                _HEADING.fullmatch(reading.left[begin:end]) is not None
                and POINTS.search(reading.left, begin, end) is None
                and not any(at < word.start for at, _, _ in reading.places)
            )
            asked_here = free and word.form in echoed and not capital
            question = reading.is_question(word.start) and word.form in asking
            if not (plain_here or asked_here or question):
                unknown.append(reading.text[word.start : word.end])
        return unknown

    def _is_echo(self, form: str) -> bool:
        """Whether a word of the visitor may be repeated: one that spells no title and no name."""
        return (
            len(form) > 1
            and form not in _NO_ECHO
            and _LATIN.fullmatch(form) is not None
            and not self._facts.titles.spelled(form)
            and form not in self._facts.person_rows
        )


def _role_before(reading: Reading, start: int) -> str:
    """What the words before a name say the person did; empty where they do not."""
    first, last = reading.sentence(start)
    inside = [place[1] for place in reading.within(first, last) if place[1] <= start]
    said = list(_ROLE.finditer(reading.left, max(inside, default=first), start))
    if not said:
        return ""
    return next(role for role, part in zip(_ROLES, said[-1].groups(), strict=True) if part)


def _dated(year: int | None, number: str, decade: bool) -> bool:
    """Whether a number is an item's year, or the decade that its year is in."""
    if year is None:
        return False
    if not decade:
        return str(year) == number
    return str(year // 10 * 10) == number or f"{year // 10 % 10}0" == number


def _worded(reading: Reading, start: int, end: int, doubt: str) -> str:
    said = reading.text[start:end]
    return f"{said} ({doubt})" if doubt else said


def _unknown_chinese(left: str, plain: frozenset[str]) -> list[str]:
    """Runs that the plain Chinese words cannot be put together to; any Latin word at all."""
    longest = max(map(len, plain))
    unknown: list[str] = []
    for run in re.findall(
        r"[\u3400-\u4dbf\u4e00-\u9fff]+|(?:(?![\u3400-\u4dbf\u4e00-\u9fff])[^\W\d_])+", left
    ):
        if not has_chinese(run):
            unknown.append(run)
            continue
        # reach[k]: the first k signs are covered by plain words
        reach = np.zeros(len(run) + 1, np.bool_)
        reach[0] = True
        for end in range(1, len(run) + 1):
            reach[end] = any(
                reach[start] and run[start:end] in plain
                for start in range(max(0, end - longest), end)
            )
        if not reach[-1]:
            unknown.append(run[int(np.flatnonzero(reach)[-1]) :])
    return unknown
