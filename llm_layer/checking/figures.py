"""Figures and values in a reply: prices, lengths, levels, brands, against the item table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.checking.binding import Bound, bind
from llm_layer.checking.claims import Known, Reading
from llm_layer.checking.columns import Columns
from llm_layer.lexicon import load_words
from llm_layer.text import has_chinese, normalize, words

_NUMBER = re.compile(
    r"(?P<sign>[$€£¥]\s?)?(?<![A-Za-z\d.])(?P<number>\d+(?:[.,]\d+)*)"
    r"(?:[\s-]?(?P<unit>[^\W\d_]+|[$€£¥]))?"
)
_HOURS = re.compile(
    r"(?<![A-Za-z\d.])(?P<hours>\d+)\s?(?:h|hours?|小时)\s?(?:and )?"
    r"(?P<minutes>\d+)\s?(?:min(?:ute)?s?\b|分钟?)"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_MOST = re.compile(
    r"(?:under|below|less than|at most|up to|no more than|within|不超过|最多|少于|低于)\s*$", re.I
)
_LEAST = re.compile(
    r"(?:over|above|at least|more than|no less than|至少|不少于|超过|高于)\s*$", re.I
)
_MOST_BEHIND = re.compile(r"\s?(?:以内|以下|or less)", re.I)
_LEAST_BEHIND = re.compile(r"\s?(?:以上|or more)", re.I)
_GLUE = re.compile(
    r"(?:\s|\x00|[:：,]|\b(?:is|was|of|at|for|only|just|a|the|it|by)\b|是|为|的|只有)*", re.I
)
_SIGNS_BEHIND = re.compile(r"[+#]*")
_DECADE = re.compile(r"\d+(?:s|['’]s|年代)")


class Figures:
    """Looks figures and values up in one catalogue."""

    def __init__(self, facts: ItemFacts, columns: Columns) -> None:
        self._facts = facts
        self._columns = columns
        self._longest = max((len(form.split()) for form in columns.known_values), default=1)

    def numbers(self, reading: Reading, known: Known) -> None:
        """Account for numbers that have a unit or a label; other numbers are left."""
        if not set(self._columns.numbers) - {"year"}:
            return
        for match in list(_HOURS.finditer(reading.left)):
            minutes = float(match["hours"]) * 60 + float(match["minutes"])
            columns = self._by_unit("min")
            labelled, begin = self._label_before(reading, match.start())
            if labelled:
                columns = {name: columns[name] for name in labelled if name in columns} or {"": 1.0}
            span = (begin, match.start(), match.end())
            self._number(reading, known, span, minutes, 0, columns)
        for match in list(_NUMBER.finditer(reading.left)):
            text = match["number"]
            if _DECADE.match(reading.left, match.start("number")):
                continue
            columns, start, end = self._columns_of(reading, match)
            if columns:
                number = _parsed(text)
                decimals = len(text.partition(".")[2]) if _THOUSANDS.fullmatch(text) else 0
                decimals = decimals or len(re.sub(r"^\d+[.,]?", "", text))
                span = (start, match.start(), end)
                self._number(reading, known, span, number, decimals, columns)

    def _columns_of(
        self, reading: Reading, match: re.Match[str]
    ) -> tuple[dict[str, float], int, int]:
        """Columns that a number may be of with the size of its unit, and the span it takes."""
        sign, unit = (match["sign"] or "").strip(), (match["unit"] or "").casefold()
        start, end = match.start(), match.end("number")
        if has_chinese(unit):  # no space parts a unit from the words behind it
            unit = next((unit[:n] for n in (3, 2, 1) if self._by_unit(unit[:n])), "")
        by_unit = self._by_unit(unit)
        if by_unit:
            end = match.start("unit") + len(unit)
        if sign:
            by_sign = self._by_unit(sign)
            by_unit = {n: f for n, f in by_unit.items() if n in by_sign} if by_unit else by_sign
        labelled, begin = self._label_before(reading, start)
        if not labelled or not by_unit:
            # A sign that belongs to no column is left, and is then a violation.
            columns = by_unit or dict.fromkeys(labelled, 1.0)
            if sign and not by_unit:
                columns = {}
            return columns, begin if labelled else start, end
        both = {name: by_unit[name] for name in labelled if name in by_unit}
        return both or {"": 1.0}, begin, end

    def _by_unit(self, unit: str) -> dict[str, float]:
        if not unit:
            return {}
        numbers = self._columns.numbers.items()
        return {name: column.units[unit] for name, column in numbers if unit in column.units}

    def _label_before(self, reading: Reading, at: int) -> tuple[tuple[str, ...], int]:
        """Numeric columns that are announced before `at`, and where the announcement begins."""
        pattern = self._columns.label_pattern
        if pattern is None:
            return (), at
        first, _ = reading.sentence(at)
        for found in reversed(list(pattern.finditer(reading.left, first, at))):
            names = tuple(
                name
                for name in self._columns.labelled(found.group())
                if name in self._columns.numbers
            )
            between = reading.left[found.end() : at]
            for bound in (_MOST, _LEAST):
                between = bound.sub("", between)
            if names and _GLUE.fullmatch(between):
                return names, found.start()
        return (), at

    def _number(
        self,
        reading: Reading,
        known: Known,
        span: tuple[int, int, int],
        number: float,
        decimals: int,
        columns: dict[str, float],
    ) -> None:
        start, at, end = span
        before = reading.left[:at]
        most = _MOST.search(before) or _MOST_BEHIND.match(reading.left, end)
        least = _LEAST.search(before) or _LEAST_BEHIND.match(reading.left, end)
        bound_word = most or least
        first = min(start, bound_word.start()) if bound_word else start
        last = max(end, bound_word.end()) if bound_word else end
        said = reading.text[first:last].strip()
        places = [place for place in reading.places if start <= place[0] < end]
        reading.blank(first, last)
        bound = scope(reading, start, end)
        if places:  # the label stands before the title: "the price of “A” is 5"
            bound = Bound(tuple(place[2] for place in places))

        def holds(row: int) -> bool:
            for name, factor in columns.items():
                value = self._columns.number(name, row) if name else None
                if value is None:
                    continue
                wanted = number * factor
                if most:
                    found = value <= wanted
                elif least:
                    found = value >= wanted
                else:
                    found = _same(value / factor, number, decimals)
                if found:
                    return True
            return False

        if bound.rows:
            supported = not bound.doubt and all(map(holds, bound.rows))
        else:
            supported = _asked(number, known.said) and (
                reading.is_question(start) or not reading.listed
            )
        column = next(iter(columns))
        where = "catalogue" if bound.rows else "messages"
        items = self._facts.items(bound.rows)
        reading.claim("attribute", said, supported, where, column, items)  # type: ignore[arg-type]

    def texts(self, reading: Reading, known: Known) -> None:
        """Account for values of columns of short texts ("beginner", "Italy")."""
        if not self._columns.texts:
            return
        own: dict[str, set[str]] = {}
        for row in dict.fromkeys(place[2] for place in reading.places):
            for column, value in self._columns.values(row):
                if form := normalize(value):
                    own.setdefault(form, set()).add(column)
        longest = max([self._longest, *(len(form.split()) for form in own)])
        for form, start, end in self._mentions(reading, own, longest):
            self._text(reading, known, form, start, end)

    def _mentions(
        self, reading: Reading, own: dict[str, set[str]], longest: int
    ) -> list[tuple[str, int, int]]:
        """Values in what is left: comparable form, start, end; longest first at each place."""
        listed = words(reading.left)
        few = load_words("function_words.txt")
        found: list[tuple[str, int, int]] = []
        at = 0
        while at < len(listed):
            step = 1
            for length in range(min(longest, len(listed) - at), 0, -1):
                part = listed[at : at + length]
                form = " ".join(word.form for word in part)
                if form in few or not (form in own or form in self._columns.known_values):
                    continue
                found.append((form, part[0].start, part[-1].end))
                step = length
                break
            at += step
        return found

    def _text(self, reading: Reading, known: Known, form: str, start: int, end: int) -> None:
        bound = scope(reading, start, end)
        columns, begin = self._text_label(reading, start)

        def holds(row: int) -> bool:
            return any(
                normalize(value) == form and (not columns or column in columns)
                for column, value in self._columns.values(row)
            )

        if bound.rows:
            supported = not bound.doubt and all(map(holds, bound.rows))
        else:
            asked = any(f" {form} " in f" {normalize(message)} " for message in known.said)
            supported = reading.is_question(start) or (asked and not reading.listed)
        named = ", ".join(columns or sorted(self._columns.known_values.get(form, ())))
        where = "catalogue" if bound.rows else "messages"
        said, items = reading.text[begin:end], self._facts.items(bound.rows)
        reading.claim("attribute", said.strip(), supported, where, named, items)  # type: ignore[arg-type]
        signs = _SIGNS_BEHIND.match(reading.left, end)  # "C++"
        end = signs.end() if signs else end
        reading.blank(start, end)
        pattern = self._columns.label_pattern
        if pattern is not None and begin < start and (label := pattern.match(reading.left, begin)):
            reading.blank(*label.span())
        elif pattern is not None and (label := pattern.match(reading.left, end + 1)):
            behind = set(self._columns.labelled(label.group()))  # "the beginner level"
            if behind & set(self._columns.known_values.get(form, {})):
                reading.blank(*label.span())

    def _text_label(self, reading: Reading, at: int) -> tuple[tuple[str, ...], int]:
        """Columns of texts that are announced right before `at`, and where that begins."""
        pattern = self._columns.label_pattern
        if pattern is None:
            return (), at
        first, _ = reading.sentence(at)
        for found in reversed(list(pattern.finditer(reading.left, first, at))):
            names = self._columns.labelled(found.group())
            if _GLUE.fullmatch(reading.left[found.end() : at]):
                return tuple(name for name in names if name in self._columns.texts), found.start()
        return (), at


def scope(reading: Reading, start: int, end: int) -> Bound:
    """Items that a span is said of; in a heading, and after "here are", every item listed."""
    line = reading.line(start)
    if reading.listed and reading.left[line[0] : line[1]].rstrip().endswith((":", "：")):
        return Bound(reading.listed)
    return bind(reading, start, end)


def _parsed(text: str) -> float:
    if _THOUSANDS.fullmatch(text):
        return float(text.replace(",", ""))
    whole, *parts = re.split("[.,]", text)
    return float(f"{whole}.{''.join(parts) or 0}") if len(parts) < 2 else float("nan")


def _same(value: float, number: float, decimals: int) -> bool:
    """Whether a number as it is written is the catalogue's, which may be stored in 32 bits."""
    return round(value, max(decimals, 2)) == number or abs(value - number) <= 1e-6 * abs(value)


def _asked(number: float, said: Sequence[str]) -> bool:
    found = (_parsed(match["number"]) for text in said for match in _NUMBER.finditer(text))
    return any(number == each for each in found)
