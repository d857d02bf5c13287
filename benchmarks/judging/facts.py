"""Years, genres, people, plots and what no column supports. Part of :mod:`benchmarks.judge`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmarks.judging import words
from benchmarks.judging.ground import Finding
from benchmarks.judging.reading import ITEM_SIGN, PERSON, PERSON_SIGN, STAND_INS, is_chinese, tokens
from benchmarks.judging.sentence import Sentence
from benchmarks.judging.words import DECADE, DECADE_WORDS, GENRE_WORDS, YEAR

_CAPITAL = re.compile(r"(?<=[a-z0-9,)\ue000-\uf8ff] )[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*")
_MADE_BY = re.compile(
    r"(?:directed by|director(?: is| was)?|starring|stars|cast of)\s+"
    r"(?![\uf000-\uf8ff]|the\b|a\b|is\b)(\S+)|"
    r"(?:导演|主演)(?:是|为)?\s*(?![\uf000-\uf8ff是为的])([^\s，。、？]{2,})"
)
_ABOUT = re.compile(
    r"\b(?:is about|tells (?:the story )?of|follows|(?:the|a) stor(?:y|ies) (?:of|about)|"
    r"in which)\b([^.;]*)|(?:讲述|讲的是|说的是)([^。；]*)"
)


class Facts(Sentence):
    """What a sentence says about items."""

    def findings(self) -> Iterator[Finding]:
        """What nothing supports."""
        if words.OF_ITSELF.search(self.text) and not ITEM_SIGN.search(self.text):
            return
        yield from self._people_and_names()
        if not self.is_question:
            yield from self._years()
            yield from self._genres()
            yield from self._unsupported()
            yield from self._plot()
            yield from self._unnamed()

    def _years(self) -> Iterator[Finding]:
        text = self.text
        for match in DECADE.finditer(text):
            number = int(match[1] or match[2] or match[3])
            first = number if number > 100 else 1900 + number
            yield from self._year_claim(match, first, first + 9)
        for word, first in DECADE_WORDS.items():
            for match in re.finditer(word, text, re.I):
                yield from self._year_claim(match, first, first + 9)
        rest = DECADE.sub(lambda match: " " * len(match.group()), text)
        for match in YEAR.finditer(rest):
            year = int(match[1])
            before, after = rest[: match.start()].rstrip(), rest[match.end() :]
            first, last = year, year
            if re.search(
                r"(?:up to|until|before|no later than|by|older than|earlier than|不晚于)$",
                before,
                re.I,
            ):
                first = 0
            elif re.search(
                r"(?:after|since|no earlier than|newer than|later than|不早于)$", before, re.I
            ):
                last = 9999
            elif re.match(
                r"\s*(?:or|and) (?:earlier|older|before)|\s*年?(?:以前|之前|及以前|或更早)", after
            ):
                first = 0
            elif re.match(
                r"\s*(?:or|and) (?:later|newer)|\s*on(?:wards?)?\b|"
                r"\s*年?(?:以后|之后|以来|及以后|起|或更晚)",
                after,
            ):
                last = 9999
            elif span := re.match(r"\s*年?(?:to|and|until|[-–—至到])\s*(\d{4})", after):
                last = int(span[1])
            elif span := re.search(r"(\d{4})\s*年?(?:to|and|until|[-–—至到])$", before):
                first = int(span[1])
            yield from self._year_claim(match, first, last)

    def _year_claim(self, match: re.Match[str], first: int, last: int) -> Iterator[Finding]:
        if self.about_visitor(match.start()) == "asked":
            if (
                match.group().casefold() not in self.ground.said
                and str(first)[2:] not in self.ground.said
            ):
                yield Finding("user", match.group())
            return
        if not self.holds(match.start(), lambda item: first <= (item.year or -1) <= last):
            yield Finding("year", f"{match.group()} in: {self.shown()}")

    def _genres(self) -> Iterator[Finding]:
        for genre, pattern in GENRE_WORDS.items():
            for match in pattern.finditer(self.text):
                about = self.about_visitor(match.start())
                if about == "habit":
                    if genre not in self.ground.frequent_genres:
                        yield Finding("user", f"{match.group()} in: {self.shown()}")
                elif about:
                    if not self.ground.asked_for(genre):
                        yield Finding("user", f"{match.group()} in: {self.shown()}")
                elif (words.NOT_STATED.search(self.text) and self.is_lead) or (
                    self.is_set_aside and self.is_lead
                ):
                    continue
                elif not self.subjects(match.start()):
                    continue  # a word in passing: nothing is recommended
                elif not self.holds(match.start(), lambda item, g=genre: g in item.genres):
                    yield Finding("genre", f"{match.group()} in: {self.shown()}")
        for match in re.finditer(words.OTHER_KINDS, self.text, re.I):
            if match.group().casefold() not in self.ground.said:
                yield Finding("genre", match.group())

    # People and names

    def _people_and_names(self) -> Iterator[Finding]:
        text = self.text
        for match in PERSON_SIGN.finditer(text):
            yield from self._person(match)
        for match in _MADE_BY.finditer(text):
            found = match[1] or match[2]
            if not self.is_question and not words.NOT_STATED.search(text):
                yield Finding("person", found)
        for match in _CAPITAL.finditer(text):
            found = match.group()
            if self._is_plain_capital(found) or self._is_in_plot(found):
                continue
            if found.casefold() in self.ground.said and (
                words.NOT_STATED.search(text) or words.LEFT_OUT.search(text)
            ):
                continue
            yield Finding("name", found)

    def _is_in_plot(self, found: str) -> bool:
        """A name out of the text of an item that the sentence is about."""
        return any(
            found in self.items[item].text
            for sign in ITEM_SIGN.findall(self.text)
            for item in self.ids(sign)
        )

    @staticmethod
    def _is_plain_capital(found: str) -> bool:
        bare = found.strip("'’-")
        return bool(re.fullmatch(r"I|I['’](?:m|d|ll|ve)|OK|Okay", bare)) or any(
            pattern.fullmatch(bare) for pattern in GENRE_WORDS.values()
        )

    def _person(self, match: re.Match[str]) -> Iterator[Finding]:
        person = self.reading.people[ord(match.group()) - PERSON]
        before = self.text[: match.start()]
        listed = r"(?:[\uf000-\uf8ff](?:,? and |, |、|和|与))*$"
        if re.search(
            r"(?:directed by|director(?: is| was)?|films? of|导演(?:是|为)?)\s*" + listed,
            before,
            re.I,
        ):
            roles = ("directors",)
        elif re.search(
            r"(?:starring|stars?|cast(?: of)?|played by|主演(?:是|为)?)\s*" + listed, before, re.I
        ):
            roles = ("actors",)
        elif re.match(r"[\uf000-\uf8ff、和与 ]*(?:执导|导演)", self.text[match.start() :]):
            roles = ("directors",)
        elif re.match(r"[\uf000-\uf8ff、和与 ]*(?:主演|出演)", self.text[match.start() :]):
            roles = ("actors",)
        else:
            roles = ("directors", "actors")
        if self.is_question:
            return
        about = self.about_visitor(match.start())
        if about in ("asked", "liked"):
            if not set(tokens(person)) <= set(tokens(self.ground.said)):
                yield Finding("user", f"{person} in: {self.shown()}")
            return
        if words.NOT_STATED.search(self.text) and not ITEM_SIGN.search(self.text):
            return
        if not self.holds(
            match.start(), lambda item: any(person in getattr(item, role) for role in roles)
        ):
            yield Finding("person", f"{person} in: {self.shown()}")

    def _unsupported(self) -> Iterator[Finding]:
        if words.NOT_STATED.search(self.text):
            return
        for kind, (pattern, columns) in words.UNSUPPORTED.items():
            if self.ground.catalogue.columns & set(columns):
                continue  # numbers are looked up below
            for match in re.finditer(pattern, self.text, re.I):
                wished = match.group().casefold().strip() in self.ground.said and self.is_lead
                if not wished:
                    yield Finding(kind, f"{match.group()} in: {self.shown()}")

    def _plot(self) -> Iterator[Finding]:
        for match in _ABOUT.finditer(self.text):
            said = STAND_INS.sub(" ", match[1] or match[2] or "")
            for ids in self.subjects(match.start()):
                known = {
                    word
                    for item in ids
                    for word in (*tokens(self.items[item].text), *tokens(self.items[item].title))
                }
                known |= {word[:-1] for word in known if word.endswith("s")}
                unknown = [
                    word
                    for word in tokens(said)
                    if (len(word) > 3 or is_chinese(word[0])) and word not in known
                ]
                if unknown and not all(word in self.ground.said for word in unknown):
                    yield Finding("plot", self.shown())

    def _unnamed(self) -> Iterator[Finding]:
        """Something recommended in words that are no title of the catalogue."""
        if not self.is_lead:
            return
        for match in words.PICKING.finditer(self.text):
            unknown = [
                word
                for word in tokens(match[1])
                if word not in words.PLAIN_NOUNS
                and not any(pattern.fullmatch(word) for pattern in GENRE_WORDS.values())
                and word not in self.ground.said
            ]
            if unknown:
                yield Finding("unnamed", match.group())
        for match in words.PICKING_ZH.finditer(self.text):
            left = re.sub(words.PLAIN_ZH, "", match[1])
            for pattern in GENRE_WORDS.values():
                left = pattern.sub("", left)
            left = left.replace("片", "")
            if len(left) >= 3 and left not in self.ground.said:
                yield Finding("unnamed", match.group())
