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
- **genre**, **person**: the catalogue's entry for the item that the words are said of
  (:mod:`llm_layer.binding`); in a sentence that speaks of no item, the visitor's own request.
  Negated ("no comedy"), exclusive ("the only comedy") or compared ("more crime than") they are
  supported by nothing. A heading ("comedies from the 1990s:") has to hold for every item of the
  list below it;
- **history** ("you watched"): the item is in the history; **naming** ("you named"): the visitor
  named it; **habit** ("you often watch"): the genre is among the three most frequent ones;
- **number**: the place of an item in a list, the year of an item next to it, or a year the
  visitor asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from llm_layer.binding import bind, comparisons
from llm_layer.claims import Grounding, Known, Named, Reading
from llm_layer.domain import FILMS, Domain
from llm_layer.facts import ItemFacts
from llm_layer.genres import GenreWords
from llm_layer.lexicon import load_words
from llm_layer.phrases import read_no_years, read_years
from llm_layer.text import Language, has_chinese, normalize, quoted_parts, words

# Plain words that are written with a capital anywhere.
_I = frozenset({"i", "id", "ill", "im", "ive"})

_DECADE = re.compile(r"s\b|['’]s\b|年代")
_ROLE = re.compile(r"(direct|导演|执导)|(star|cast|act|主演|演员)", re.IGNORECASE)
_HEADING = re.compile(r"(?m)^[^\n]*[:：]$")
_EITHER = re.compile(r"\bor\b|或")
_YEAR_BEHIND = re.compile(r"\s*[(（](\d{4})[)）]")
_NUMBER = re.compile(r"\d+")
_MARKER = re.compile(r"(?m)^(\d{1,2})\. (?=[\x00“《])")
_LIST = r"(?:\x00+(?:, | and |, and |、|和|以及)?)+"
_WATCHED = re.compile(
    rf"\b[Yy]ou(?:['’]ve| have)?(?: already| also)? (?:watched|seen|saw|finished|rated|played"
    rf"|read|took|taken|bought|ordered|purchased|owned|chose|chosen|used|tried|heard)\b"
    rf"(?: (?P<titles>{_LIST}))?"
    rf"|你(?:已经)?(?:[看读学买选用听玩试评]过|[看读学听玩]完)(?:了)?(?P<zhtitles>{_LIST})?"
)
_NAMED = re.compile(
    rf"(?<!ould )(?<!might )(?<!may )(?<!will )\b[Yy]ou(?:['’]ve| have)?"
    rf"(?: already| also| really)? (?:named|mentioned|liked|loved|enjoyed"
    rf"|like|love|enjoy|picked)\b(?: (?P<titles>{_LIST}))?"
    rf"|你(?:提到|喜欢|说起|点名)(?:过|的|了)?(?P<zhtitles>{_LIST})?"
)
_ASKED = re.compile(
    rf"\b[Yy]ou(?:['’]ve| have)?(?: also)? asked for more like\b(?: (?P<titles>{_LIST}))?"
    rf"|你想看类似(?P<zhtitles>{_LIST})?"
)
_HABIT = re.compile(
    r"\b[Yy]ou often (?:watch|read|take|buy|choose) (?P<what>[^.!?]+)"
    r"|你常[看读学买选](?P<zhwhat>[^。！？；]+)"
)


class GroundingChecker:
    """Checks replies against one catalogue."""

    def __init__(self, facts: ItemFacts, genre_words: GenreWords, domain: Domain = FILMS) -> None:
        self._facts = facts
        self._genre_words = genre_words
        self._domain = domain

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
        reading = Reading(text, text)
        declared = {self._facts.row(item.id): item for item in items}
        self._policies(reading, language)
        self._titles(reading, declared)
        self._roles(reading, declared, known)
        self._markers(reading, items)
        self._claims_about_visitor(reading, known)
        requested = self._requested(known.said)
        self._headings(reading, items, requested)
        self._people(reading, requested)
        self._genres(reading, requested)
        self._numbers(reading, known.said)
        for word in comparisons(reading):
            reading.claim("words", word, "no item can be compared", False)
        self._words(reading, language, known.said)
        return Grounding(all(claim.verdict for claim in reading.claims), tuple(reading.claims))

    def _policies(self, reading: Reading, language: Language) -> None:
        """Sentences of the domain's policies, word for word: whoever runs it answers for them."""
        for policy in self._domain.policies:
            text = policy.text(language)
            start = reading.left.find(text) if text else -1
            if start >= 0:
                reading.claim("policy", text, f"policy {policy.name}", True)
                reading.blank(start, start + len(text))

    def _titles(self, reading: Reading, declared: dict[int, Named]) -> None:
        for inner, start, end in quoted_parts(reading.text):
            rows = self._facts.titles.rows(inner)
            year = _YEAR_BEHIND.match(reading.text, end)
            rows_here = [row for row in rows if row in declared]
            if year is not None and rows_here:
                dated = [row for row in rows_here if self._facts.year(row) == int(year[1])]
                title = self._facts.title((dated or rows_here)[0])
                reading.claim("year", f"{title}: {year[1]}", "catalogue", bool(dated))
                rows_here = dated or rows_here
            reading.claim("title", inner, "catalogue and items of the reply", bool(rows_here))
            stop = year.end() if year is not None and rows_here else end
            reading.blank(start, stop)
            if rows_here:
                reading.places.append((start, stop, rows_here[0]))
        for mention in self._facts.titles.find(reading.left):
            # A single word is a title only between quotation marks; elsewhere it is a word, and
            # looked at with the other words. Two and more are taken for the title they spell.
            if self._is_title(mention.form) and not set(mention.rows) & set(declared):
                said = reading.text[mention.start : mention.end]
                reading.claim("title", said, "items of the reply", False)
                reading.blank(mention.start, mention.end)

    def _is_title(self, form: str) -> bool:
        """Whether words outside of quotation marks are taken for the title they spell."""
        return " " in form and form.replace(" ", "") not in self._domain.plain_words("zh")

    def _roles(self, reading: Reading, declared: dict[int, Named], known: Known) -> None:
        """An item declared as the visitor's own has to be."""
        for row, item in declared.items():
            if item.role == "reason" and row not in known.history | known.named:
                reading.claim("history", item.title, "history", False)
            if item.role == "asked" and row not in known.named:
                reading.claim("naming", item.title, "messages", False)
            if item.role == "shown" and row not in known.shown:
                reading.claim("shown", item.title, "earlier replies", False)

    def _markers(self, reading: Reading, items: Sequence[Named]) -> None:
        """Numbers at the heads of lines have to be the places of the recommended items."""
        rows = [self._facts.row(item.id) for item in items if item.role == "recommended"]
        for match in list(_MARKER.finditer(reading.left)):
            behind = [row for start, _, row in reading.places if start == match.end()]
            place = int(match[1])
            right = bool(behind) and 0 < place <= len(rows) and rows[place - 1] == behind[0]
            reading.claim("number", match.group().strip(), "order of the items", right)
            reading.blank(match.start(1), match.end(1))

    def _claims_about_visitor(self, reading: Reading, known: Known) -> None:
        examples = known.named if known.examples is None else known.examples
        for pattern, kind, allowed in (
            (_WATCHED, "history", known.history),
            (_NAMED, "naming", known.named),
            (_ASKED, "naming", examples),
        ):
            for match in pattern.finditer(reading.left):
                begin, end = match.span("titles" if match["titles"] else "zhtitles")
                rows = [row for start, stop, row in reading.places if begin <= start < end]
                source = "history" if kind == "history" else "messages"
                if not rows:
                    reading.claim(kind, match.group(), source, False)  # type: ignore[arg-type]
                for row in rows:
                    reading.claim(kind, self._facts.title(row), source, row in allowed)  # type: ignore[arg-type]
        for match in _HABIT.finditer(reading.left):
            what = match["what"] or match["zhwhat"]
            genres = {mention.genre for mention in self._genre_words.find(what)}
            usual = self._usual_genres(known.history)
            reading.claim("habit", match.group(), "history", bool(genres) and genres <= usual)
            reading.blank(*match.span("what" if match["what"] else "zhwhat"))

    def _usual_genres(self, history: Iterable[int]) -> set[str]:
        counts = Counter(genre for row in history for genre in self._facts.genres(row))
        third = sorted(counts.values(), reverse=True)[2] if len(counts) > 2 else 0
        return {genre for genre, count in counts.items() if count >= third}

    def _requested(self, said: Sequence[str]) -> set[str]:
        """Genres and names of people that the visitor used."""
        text = "\n".join(said)
        genres = {mention.genre for mention in self._genre_words.find(text)}
        return genres | {name for name, _, _ in self._names(text, any_case=True)}

    def _names(self, text: str, *, any_case: bool = False) -> list[tuple[str, int, int]]:
        """Names of the catalogue's people: comparable form, start, end; longest first.

        A name of one word needs a capital, and must be no plain word ("Will").
        """
        plain = self._domain.plain_words("en")
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
            source = "catalogue" if bound.rows else "request"
            reading.claim("person", _worded(reading, start, end, bound.doubt), source, supported)
            reading.blank(start, end)

    def _took_part(self, name: str, row: int, role: str) -> bool:
        if row not in self._facts.person_rows[name]:
            return False
        listed = self._facts.people(row)
        return role not in listed or name in map(normalize, listed[role])

    def _genres(self, reading: Reading, requested: set[str]) -> None:
        mentions = self._genre_words.find(reading.left)
        bounds = [bind(reading, mention.start, mention.end) for mention in mentions]
        for mention, bound in zip(mentions, bounds, strict=True):
            if bound.rows:
                supported = all(mention.genre in self._facts.genres(row) for row in bound.rows)
            else:
                # A question may offer any genre there is: it states nothing about an item.
                supported = mention.genre in requested or reading.is_question(mention.start)
            source = "catalogue" if bound.rows else "request"
            said = _worded(reading, mention.start, mention.end, bound.doubt)
            reading.claim("genre", said, source, supported and not bound.doubt)
        for mention in mentions:
            reading.blank(mention.start, mention.end)

    def _headings(self, reading: Reading, items: Sequence[Named], requested: set[str]) -> None:
        """What a heading says, one that ends with a colon, holds for every item below it."""
        rows = [self._facts.row(item.id) for item in items if item.role == "recommended"]
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
                reading.claim("genre", said, "catalogue, every item below", supported)
            names = self._names(text)
            for name, start, end in names:
                theirs = self._facts.person_rows[name]
                supported = all(row in theirs for row in rows) if rows else name in requested
                reading.claim("person", text[start:end], "catalogue, every item below", supported)
            first, last = read_years(text)[0] or (None, None)
            if first is not None or last is not None:
                years = [self._facts.year(row) or 0 for row in rows]
                supported = all((first or 0) <= year <= (last or 9999) for year in years)
                reading.claim("year", text.strip(), "catalogue, every item below", supported)
            for start, end in [(each.start, each.end) for each in mentions] + [
                (start, end) for _, start, end in names
            ]:
                reading.blank(match.start() + start, match.start() + end)

    def _numbers(self, reading: Reading, said: Sequence[str]) -> None:
        asked = {number for message in said for number in _NUMBER.findall(message)}
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
                source = "catalogue"
            else:
                supported, source = match.group() in asked, "request"
            said = _worded(reading, match.start(), match.end(), bound.doubt)
            reading.claim("number", said, source, supported)
            # With the "s" of "1990s", which is no word.
            end = match.end() + (reading.left[match.end() : match.end() + 1] == "s")
            reading.blank(match.start(), end)

    def _words(self, reading: Reading, language: Language, said: Sequence[str]) -> None:
        """Whatever is left has to be plain words of the right language."""
        if language == "zh":
            unknown = _unknown_chinese(reading.left, self._domain.plain_words("zh"))
        else:
            unknown = self._unknown_english(reading, said)
            # "older" and "newer" compare with what was shown: the visitor has to have asked so.
            asked = {read_years(message)[1] for message in said}
            unknown = [word for word in unknown if word.casefold() not in asked]
        for word in unknown:
            reading.claim("words", word, "plain words", False)
        if not unknown:
            reading.claim("words", "all other words", "plain words", True)

    def _unknown_english(self, reading: Reading, said: Sequence[str]) -> list[str]:
        plain, asking = self._domain.plain_words("en"), load_words("question_words_en.txt")
        echoed = {word.form for message in said for word in words(message)}
        unknown = []
        for word in words(reading.left):
            first, _ = reading.sentence(word.start)
            inside = reading.left[first : word.start].strip(' \n\x00"“”')
            # A capital inside a sentence makes a name of a word, and no plain word is a name.
            capital = reading.text[word.start].isupper() and bool(inside)
            plain_here = word.form in plain and (not capital or word.form in _I)
            inside_titles = bool(reading.within(*reading.sentence(word.start)))
            free = reading.is_question(word.start) or not inside_titles
            asked_here = free and word.form in echoed and word.form.isalpha() and not capital
            question = reading.is_question(word.start) and word.form in asking
            if not (plain_here or asked_here or question):
                unknown.append(reading.text[word.start : word.end])
        return unknown


def _role_before(reading: Reading, start: int) -> str:
    """What the words before a name say the person did; empty where they do not."""
    first, last = reading.sentence(start)
    inside = [place[1] for place in reading.within(first, last) if place[1] <= start]
    said = list(_ROLE.finditer(reading.left, max(inside, default=first), start))
    if not said:
        return ""
    return "director" if said[-1][1] else "actor"


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
    for run in re.findall(r"[\u3400-\u4dbf\u4e00-\u9fff]+|[A-Za-z]+", left):
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
