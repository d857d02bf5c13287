"""Columns: how the other columns of an item table are spoken of, with labels, units, comparatives.

What a column measures is read from its name ("price_usd", "runtime", "pageCount") by the words of
``lexicon/columns.json``; a column that is not in there is known by its own name alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.lexicon import load
from llm_layer.text import LINK, Language, has_chinese, normalize

_PARTS = re.compile(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])")
_COUNTING = {"num", "number", "count", "of", "total", "n", "in", "avg", "average", "mean", "list"}
# Minutes in one of each unit of time.
_TIME = {
    "ms": 1 / 60000, "milliseconds": 1 / 60000, "s": 1 / 60, "sec": 1 / 60, "secs": 1 / 60,
    "second": 1 / 60, "seconds": 1 / 60, "秒": 1 / 60, "min": 1.0, "mins": 1.0, "minute": 1.0,
    "minutes": 1.0, "分钟": 1.0, "h": 60.0, "hour": 60.0, "hours": 60.0, "小时": 60.0,
}  # fmt: skip
_TIME_NAMES = {"minutes": "分钟", "hours": "小时", "seconds": "秒", "milliseconds": "毫秒"}
_CURRENCIES = {
    "usd": ("$", "usd", "dollar", "dollars", "美元"), "eur": ("€", "eur", "euro", "euros", "欧元"),
    "gbp": ("£", "gbp", "pound", "pounds", "英镑"), "cny": ("¥", "cny", "rmb", "yuan", "元", "块"),
    "rmb": ("¥", "cny", "rmb", "yuan", "元", "块"), "jpy": ("¥", "jpy", "yen", "日元"),
}  # fmt: skip
_UNITS_ZH = {"pages": "页", "chapters": "章", "lessons": "课", "episodes": "集", "stars": "星",
             "weeks": "周", "words": "字", "modules": "单元"}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column of the item table.

    Attributes
    ----------
    name : str
        As the table has it; ``"year"`` for the year of an item, wherever it comes from.
    measure : str
        Key in ``lexicon/columns.json``, or empty.
    labels : dict of str to tuple of str
        By language, words that announce a value ("price", "costs").
    units : dict of str to float
        Words behind (or signs before) a number, with how many of the column's own unit each is.
    words : dict of str to tuple of str
        Comparing words by ``"lower"``, ``"higher"``, ``"lowest"`` and ``"highest"``.
    """

    name: str
    measure: str = ""
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    units: dict[str, float] = field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def label(self, language: Language) -> str:
        """What the column is called in a sentence."""
        named = self.labels.get(language, ())
        return named[0] if named else self.name.replace("_", " ")

    def phrase(self, value: float, language: Language) -> str:
        """A number of this column with its unit, as it stands behind "is".

        Examples
        --------
        >>> column_named("runtime").phrase(90.0, "en"), column_named("price_usd").phrase(12.5, "en")
        ('90 minutes', '12.50 USD')
        """
        whole = float(value).is_integer()
        number = f"{value:.0f}" if whole else f"{round(value, 2):.2f}"
        if not whole and self.measure != "price":
            number = number.rstrip("0")
        if self.measure == "extent":
            unit = next(iter(self.units), "")
            if language == "zh":
                unit = next((each for each in self.units if has_chinese(each)), "")
                return f"{number}{unit}" if unit else ""
            return f"{number} {unit if value != 1 else unit.removesuffix('s')}"
        if self.measure == "time":
            own = next(unit for unit in _TIME_NAMES if self.units.get(unit) == 1.0)
            return f"{number}{_TIME_NAMES[own]}" if language == "zh" else f"{number} {own}"
        currency = next((unit for unit in self.units if unit in _CURRENCIES), "")
        return f"{number} {currency.upper()}" if currency and language == "en" else number


_YEAR = Column(
    "year",
    words={
        "lower": ("older", "earlier", "早", "更早", "老", "更老"),
        "higher": ("newer", "more recent", "新", "更新", "晚", "更晚"),
        "lowest": ("oldest", "earliest", "最早", "最老"),
        "highest": ("newest", "latest", "most recent", "最新", "最晚"),
    },
)


class Columns:
    """The columns of one catalogue, as far as replies may speak of them.

    Attributes
    ----------
    numbers : dict of str to Column
        Columns of numbers, ``"year"`` among them.
    texts : dict of str to Column
        Columns of short texts.
    links : tuple of str
        Columns of links.
    """

    def __init__(self, facts: ItemFacts) -> None:
        self._facts = facts
        self._middles: dict[str, float] = {}
        numbers, years = facts.attributes.numbers, bool((facts.years > 0).any())
        self.numbers = {name: column_named(name) for name in numbers}
        if years:
            self.numbers["year"] = _YEAR
        listed = facts.text_columns
        self.links = tuple(name for name in listed if _is_links(facts, name))
        self.texts = {
            name: column_named(name, is_number=False) for name in listed if name not in self.links
        }

    def number(self, column: str, row: int) -> float | None:
        """Number of an item, None where it has none."""
        if column == "year":
            year = self._facts.year(row)
            return None if year is None else float(year)
        return self._facts.attributes.number(column, row)

    def middle(self, column: str) -> float:
        """Median of a column of numbers."""
        if column not in self._middles:
            years = self._facts.years
            known = years[years > 0] if column == "year" else self._facts.attributes.numbers[column]
            self._middles[column] = float(np.nanmedian(known))
        return self._middles[column]

    def extreme(self, text: str) -> tuple[str, str] | None:
        """Column and end ("lowest", "highest") of "the cheapest", "最新"; None without any."""
        found = self._extremes.search(text) if self._extremes is not None else None
        if found is None:
            return None
        word = found.group().casefold()
        return next(
            (name, end)
            for name, column in self.numbers.items()
            for end in _ENDS
            if word in column.words.get(end, ())
        )

    @cached_property
    def _extremes(self) -> re.Pattern[str] | None:
        ends = [column.words.get(end, ()) for column in self.numbers.values() for end in _ENDS]
        return alternatives([word for listed in ends for word in listed])

    def values(self, row: int) -> list[tuple[str, str]]:
        """Column and value of every short text of an item."""
        return [(name, value) for name in self.texts for value in self._facts.cell(name, row)]

    @cached_property
    def known_values(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """For each comparable form of a value: its rows by column; of columns of few values."""
        found: dict[str, dict[str, tuple[int, ...]]] = {}
        for column, values in self._facts.attributes.values.items():
            for value, rows in values.items():
                if column in self.texts and (form := normalize(value)):
                    found.setdefault(form, {})[column] = tuple(rows.tolist())
        return found

    def labelled(self, label: str) -> tuple[str, ...]:
        """Columns that a word announces."""
        return self._labels.get(label.casefold(), ())

    @cached_property
    def _labels(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for column in (*self.numbers.values(), *self.texts.values()):
            for labels in column.labels.values():
                for label in labels:
                    found.setdefault(label.casefold(), []).append(column.name)
        return {label: tuple(names) for label, names in found.items()}

    @cached_property
    def label_pattern(self) -> re.Pattern[str] | None:
        """Finds labels in a text."""
        return alternatives(self._labels)


def alternatives(phrases: dict[str, tuple[str, ...]] | list[str]) -> re.Pattern[str] | None:
    """A pattern of any of `phrases`, whole words, the longest first; None for no phrase."""
    ordered = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    if not ordered:
        return None
    parts = [re.escape(p) if has_chinese(p) else rf"\b{re.escape(p)}\b" for p in ordered]
    return re.compile("|".join(parts), re.IGNORECASE)


def _tokens(name: str) -> list[str]:
    return [part.lower() for part in _PARTS.split(name) if part]


def column_named(name: str, *, is_number: bool = True) -> Column:
    """What a column of this name is."""
    tokens = _tokens(name)
    measure = next(
        (key for key, entry in load("columns.json").items() if set(tokens) & set(entry["columns"])),
        "",
    )
    entry = load("columns.json").get(measure, {})
    own = " ".join(tokens)
    labels = {
        "en": tuple(dict.fromkeys((*entry.get("en", ()), *((own,) if own else ())))),
        "zh": tuple(dict.fromkeys((*entry.get("zh", ()), *((own,) if own else ())))),
    }
    words = {key: tuple(entry[key]) for key in _COMPARING if key in entry} if is_number else {}
    return Column(name, measure, labels, _units(tokens, measure) if is_number else {}, words)


_ENDS = ("lowest", "highest")
_COMPARING = ("lower", "higher", "lowest", "highest")


def _units(tokens: list[str], measure: str) -> dict[str, float]:
    if measure == "time":
        own = next((_TIME[token] for token in tokens if token in _TIME), 1.0)
        return {unit: minutes / own for unit, minutes in _TIME.items()}
    found: dict[str, float] = {}
    for token in tokens:
        for sign in _CURRENCIES.get(token, ()):
            found[sign] = 1.0
        if token not in _COUNTING and measure != "price" and len(token) > 2:
            plural = token if token.endswith("s") else f"{token}s"
            found |= dict.fromkeys((plural, plural.removesuffix("s")), 1.0)
            if plural in _UNITS_ZH:
                found[_UNITS_ZH[plural]] = 1.0
    if measure == "rating":
        found |= {"stars": 1.0, "star": 1.0, "points": 1.0, "分": 1.0}
    return found


def _is_links(facts: ItemFacts, name: str) -> bool:
    values = [value for row in range(min(len(facts), 200)) for value in facts.cell(name, row)]
    return bool(values) and sum(LINK.search(value) is not None for value in values) * 2 > len(
        values
    )
