"""Values: words of a message that name a value of a column ("French", "国产", "beginner")."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llm_layer.catalogue.attributes import Attributes
from llm_layer.lexicon import load, load_words
from llm_layer.text import Word, normalize, words

# Columns that win where two have the same value, the first before the others.
_BEFORE = ("language", "country", "brand", "category", "topic", "level", "colour", "color")


@dataclass(frozen=True)
class ValueMention:
    """A value found in a text: its column, itself, and where it stands (end exclusive)."""

    column: str
    value: str
    start: int
    end: int


class ValueWords:
    """Recognizes the values of a catalogue's columns.

    Parameters
    ----------
    attributes : Attributes
        Their values. Synonyms and Chinese names come from ``lexicon/values.json``.
    taken : iterable of str
        Names that mean something else (the genres).
    """

    def __init__(self, attributes: Attributes, taken: Iterable[str] = ()) -> None:
        self._forms: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._own: set[str] = set()
        not_mine = {normalize(name) for name in taken} | load_words("stop_words.txt")
        for column in attributes.values:
            for value in attributes.values[column]:
                own = normalize(value)
                self._own.add(own)
                for form in {own, *_synonyms(value)}:
                    if form and form not in not_mine and not form.isdigit():
                        self._forms[form].append((column, value))
        for form, listed in _telling_words(attributes, set(self._forms) | not_mine).items():
            self._forms[form].append(listed)
        self._longest: dict[str, int] = {}
        for form in self._forms:
            first, *rest = form.split()
            self._longest[first] = max(self._longest.get(first, 0), 1 + len(rest))
        self._columns = {column: normalize(column) for column in attributes.values}

    def find(self, text: str) -> list[ValueMention]:
        """Every value named in `text`, longest first at each place, in order."""
        return self.find_words(words(text), text) if self._forms else []

    def find_words(self, listed: Sequence[Word], text: str) -> list[ValueMention]:
        """As :meth:`find`, over the words of `text`."""
        found: list[ValueMention] = []
        at = 0
        while at < len(listed):
            step = 1
            most = self._longest.get(listed[at].form, 0)
            for length in range(min(most, len(listed) - at), 0, -1):
                form = " ".join(word.form for word in listed[at : at + length])
                if form in self._forms:
                    column, value = self._choose(form, text)
                    end = listed[at + length - 1].end
                    found.append(ValueMention(column, value, listed[at].start, end))
                    step = length
                    break
            at += step
        return found

    def _choose(self, form: str, text: str) -> tuple[str, str]:
        """Which column is meant: the one that is named, one whose own word it is, the usual one."""
        named = normalize(text)

        def rank(option: tuple[str, str]) -> tuple[bool, bool, int]:
            column, value = option
            lowered = column.lower()
            usual = next((at for at, name in enumerate(_BEFORE) if name in lowered), len(_BEFORE))
            return self._columns[column] not in named, normalize(value) != form, usual

        return min(self._forms[form], key=rank)


def _synonyms(value: str) -> set[str]:
    own = normalize(value)
    found: set[str] = set()
    for name, listed in load("values.json").items():
        english = {normalize(name), *map(normalize, listed["en"])}
        if own == normalize(name) or value in listed["zh"]:
            found |= english | {normalize(word) for word in listed["zh"]}
    if own and own.isascii():
        found.add(own + "s" if not own.endswith("s") else own[:-1])
    return found


def _telling_words(attributes: Attributes, taken: set[str]) -> dict[str, tuple[str, str]]:
    """Single words that only one value has, where that value has several words."""
    owners: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for column, values in attributes.values.items():
        for value in values:
            parts: Sequence[str] = normalize(value).split()
            for word in set(parts) if len(parts) > 1 else ():
                owners[word].append((column, value))
    return {
        word: listed[0]
        for word, listed in owners.items()
        if len(listed) == 1 and len(word) > 3 and word.isalpha() and word not in taken
    }
