"""Comparisons, counts and other numbers. Part of :mod:`benchmarks.judge`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.judging import words
from benchmarks.judging.ground import Finding
from benchmarks.judging.reading import ITEM_SIGN
from benchmarks.judging.sentence import Sentence
from benchmarks.judging.words import DECADE, DECADE_WORDS, GENRE_WORDS, YEAR

_COUNTED = re.compile(
    rf"\b({'|'.join(words.NUMBER_WORDS)})(?: [a-z-]+){{0,2}}? "
    r"(?:films?|movies?|titles?|items?|picks?|choices|others?|more|people|times|hours|minutes|"
    r"seconds|dollars|euros|awards?|oscars?|stars|copies|years|weeks|days)\b",
    re.I,
)
_COUNTED_ZH = re.compile(
    r"([一二两三四五六七八九十百千万亿]+)(?:部|个|小时|分钟|元|块|星|次|人|项|座|本|集)"
)


class Figures(Sentence):
    """What a sentence compares and counts."""

    def findings(self) -> Iterator[Finding]:
        """What nothing supports."""
        yield from self._ordinals()
        if not self.is_question:
            yield from self._comparisons()
            yield from self._numbers()

    def _comparisons(self) -> Iterator[Finding]:
        text = self.text
        for match in words.SUPERLATIVES.finditer(text):
            fitting = words.FITTING.search(text)
            if not (fitting and fitting.start() <= match.start() <= fitting.end()):
                yield Finding("superlative", match.group())
        for _ in words.QUALITY_COMPARISONS.finditer(text):
            yield Finding("comparison", self.shown())
        for match in words.YEAR_SUPERLATIVES.finditer(text):
            yield from self._year_superlative(match)
        yield from self._year_comparison()

    def _year_superlative(self, match: re.Match[str]) -> Iterator[Finding]:
        subject = self.subjects(match.start())
        mine = self.year_of(subject[0]) if len(subject) == 1 else None
        named = [self.year_of(ids) for ids in self.reading.items]
        among = [year for year in named if year is not None]
        oldest = (match[1] or match[2]).casefold() in ("oldest", "earliest", "早", "老", "旧")
        if mine is None or mine != (min(among) if oldest else max(among)):
            yield Finding("superlative", self.shown())

    def _year_comparison(self) -> Iterator[Finding]:
        text = self.text
        older_words = ("older", "earlier", "更早", "更老")
        for match in words.YEAR_COMPARISONS.finditer(text):
            signs = ITEM_SIGN.findall(text)
            if len(signs) < 2:
                break
            word = (match[1] or match[2]).casefold()
            first, second = (self.year_of(self.ids(sign)) for sign in signs[:2])
            if first is None or second is None or (first < second) != (word in older_words):
                yield Finding("comparison", self.shown())
            return
        match = re.search(r"\b(older|newer|more recent)\b|更(早|新)", text, re.I)
        if match and not self.is_set_aside:
            older = (match[1] or match[2]).casefold() in ("older", "早")
            if not self._is_further(older, self._compared(match.start())):
                yield Finding("comparison", self.shown())

    def _compared(self, at: int) -> list[int]:
        """Years of what is called older or newer: the whole list, or the item beside the word."""
        if self.is_lead or re.match(r"(?:for|if)\b|更", self.text, re.I):
            return [self.items[item].year or 0 for item in self.turn.recommended]
        return [self.year_of(ids) or 0 for ids in self.subjects(at)]

    def _years(self, ids: Iterable[Any]) -> list[int]:
        return [year for item in ids if (year := self.items[item].year)]

    def _is_further(self, older: bool, years: list[int]) -> bool:
        """Whether all are older or newer than a list before, another item, or half of all items."""
        if not years:
            return True
        # Half of the items that can be recommended: a year more or less than half of all.
        median = int(self.ground.median_year) + (1 if older else -1)
        beside = [i for i in self.turn.items if i not in self.turn.recommended]
        against = [self._years(listed) or [median] for listed in self.turn.compared]
        if not against:
            against = [self._years(listed) for listed in self.turn.shown[-1:]] or [[median]]
        against += [
            [year]
            for item in (*beside, *self.turn.spoken_of)
            if (year := self.items[item].year) and self.ground.mentions(item)
        ]
        return any(max(years) < min(a) if older else min(years) > max(a) for a in against)

    def _numbers(self) -> Iterator[Finding]:
        text = DECADE.sub(" ", self.text)
        text = re.sub("|".join(DECADE_WORDS), " ", text, flags=re.I)
        text = re.sub(r"第[一二两三四五六七八九十\d]+", " ", text)
        for match in re.finditer(r"(?<![A-Za-z\d.])[-+]?\d+(?:[.,:/]\d+)*%?", text):
            if YEAR.fullmatch(match.group()):
                continue  # looked up above
            if not self._is_number_known(match.group(), match.start(), text):
                yield Finding("number", f"{match.group()} in: {self.shown()}")
        for match in _COUNTED.finditer(text):
            word = match[1].casefold()
            if not self._is_count(words.NUMBER_WORDS[word], text):
                yield Finding("number", match.group())
        for match in _COUNTED_ZH.finditer(text):
            number = words.chinese_number(match[1])
            if number != 1 and not self._is_count(number, text):
                yield Finding("number", match.group())

    def _is_count(self, number: int | None, text: str) -> bool:
        """Of what is recommended, was asked for, was shown, or is in the history."""
        if number is None:
            return False
        counts = {len(self.turn.recommended), len(self.turn.items)}
        if words.WATCHED.search(text) or words.HABIT.search(text):
            counts = {len(self.turn.history)} | self._genre_counts()
        return number in counts or (self.is_lead and self._was_said(number))

    def _genre_counts(self) -> set[int]:
        """How many of the history are of each genre that the sentence speaks of."""
        return {
            sum(genre in self.items[i].genres for i in self.turn.history if i in self.items)
            for genre, pattern in GENRE_WORDS.items()
            if pattern.search(self.text)
        }

    def _was_said(self, number: float) -> bool:
        """In digits or in words, by the visitor, in a sentence that is no claim of an item's."""
        spelled = [word for word, value in words.NUMBER_WORDS.items() if value == number]
        spelled += [sign for sign, value in words.CHINESE_DIGITS.items() if value == number]
        spelled.append(f"{number:g}")
        return any(
            re.search(rf"(?<!\d){re.escape(each)}(?!\d)", self.ground.said) for each in spelled
        )

    def _is_number_known(self, shown: str, at: int, text: str) -> bool:
        try:
            number = float(shown.replace(",", "").rstrip("%"))
        except ValueError:
            return False
        if shown.endswith("%"):
            return False
        place = self.text.find(shown)
        for ids in self.subjects(max(place, 0)):
            values = {v for i in ids for v in self.items[i].values.values()}
            if any(abs(number - value) < 0.005 or number == round(value) for value in values):
                return True
        around = text[max(0, at - 20) : at + len(shown) + 12]
        for unit, columns in words.UNITS:
            if re.search(unit, around, re.I):
                return self._limit_holds(number, around, columns)
        return number.is_integer() and self._is_count(int(number), text)

    def _limit_holds(self, number: float, around: str, columns: tuple[str, ...]) -> bool:
        """A limit that the visitor set and that all recommended items keep."""
        upper, lower = words.UPPER.search(around), words.LOWER.search(around)
        if not (upper or lower or self.is_lead) or not self._was_said(number):
            return False
        return all(
            (value >= number if lower and not upper else value <= number)
            for item in self.turn.recommended
            for column, value in self.items[item].values.items()
            if column in columns
        )

    def _ordinals(self) -> Iterator[Finding]:
        """Places of a list that there is."""
        if words.NOT_STATED.search(self.text) or re.search(r"there is no|没有第", self.text, re.I):
            return
        longest = max((len(each) for each in (self.turn.recommended, *self.turn.shown)), default=0)
        for match in re.finditer(
            r"\bthe (\w+) (?:one|film|movie|title|item|pick)\b", self.text, re.I
        ):
            word = match[1].casefold()
            if word in words.ORDINALS and words.ORDINALS.index(word) + 1 > longest:
                yield Finding("number", match.group())
        for match in re.finditer(r"第([一二三四五六七八九十]+|\d+)[部个]", self.text):
            if (words.chinese_number(match[1]) or 99) > longest:
                yield Finding("number", match.group())
