"""Said: whether the visitor's own words name an item, whoever linked them to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from rapidfuzz.distance import DamerauLevenshtein

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.lexicon import load, load_words
from llm_layer.text import Word, simplified, words
from llm_layer.understanding.places import points_back, read_places

# Letters that a word has for one slip in it, and for two.
_ONE_SLIP, _TWO_SLIPS = 4, 7
# A single word names an item where at most so many titles have it.
_RARE = 3
_NUMBERS = {"ii": "2", "iii": "3", "iv": "4", "two": "2", "three": "3", "four": "4"}


class SaidTitles:
    """Looks for titles in messages, by words alone.

    A title is named where all its telling words stand there in their order, slips of the fingers
    apart, or several of them that follow each other in it, or a single one that hardly any other
    title has; and where no number or name goes on behind them ("Toy Story 3").
    """

    def __init__(self, facts: ItemFacts, genre_words: GenreWords) -> None:
        self._facts = facts
        self._genre_words = genre_words
        self._small = load_words("small_words.txt")
        self._plain = load_words("stop_words.txt") | load_words("plain_words_en.txt")

    def message_with(self, row: int, messages: Sequence[str]) -> int | None:
        """Which message names an item, the last of them; None for none."""
        for at in range(len(messages) - 1, -1, -1):
            if self._names(row, messages[at]):
                return at
        return None

    @staticmethod
    def points(messages: Iterable[str]) -> bool:
        """Whether any message means an item by its place in a list, or as "it"."""
        for message in messages:
            if any(read_places(message, lambda start, end: None)) or points_back(message):
                return True
        return False

    def _names(self, row: int, message: str) -> bool:
        plain = simplified(message)
        if any(name in plain for name in self._chinese.get(row, ())):
            return True
        said = words(plain)
        return any(
            self._has(said, form.split(), message) for form in self._facts.titles.forms[row].forms
        )

    @cached_property
    def _chinese(self) -> dict[int, list[str]]:
        """Chinese names of items that the catalogue has under another."""
        found: dict[int, list[str]] = {}
        for name, title in load("names_zh.json")["titles"].items():
            for row in self._facts.titles.rows(title):
                found.setdefault(row, []).append(name)
        return found

    @cached_property
    def _bearing(self) -> dict[str, int]:
        """How many items have a word in their title."""
        counts: dict[str, int] = {}
        for title in self._facts.titles.forms:
            for word in {word for form in title.forms for word in form.split()}:
                counts[word] = counts.get(word, 0) + 1
        return counts

    def _has(self, said: Sequence[Word], title: Sequence[str], message: str) -> bool:
        for at in range(len(said)):
            end = self._run(said, at, title)
            if end is not None and not self._goes_on(said, end, title, message):
                return True
        joined = "".join(title)
        return len(title) > 1 and len(joined) > _TWO_SLIPS and any(
            _is_near(word.form, joined) for word in said
        )  # fmt: skip

    def _run(self, said: Sequence[Word], begin: int, title: Sequence[str]) -> int | None:
        """Where a run of the title's words that begins at a word ends; None for too few of them."""
        telling = [word for word in title if word not in self._small] or list(title)
        start = next(
            (at for at, word in enumerate(telling) if _is_near(said[begin].form, word)), -1
        )
        if start < 0:
            return None
        matched, end = [telling[start]], begin + 1
        for at in range(begin + 1, len(said)):
            place = start + len(matched)
            if place < len(telling) and _is_near(said[at].form, telling[place]):
                matched.append(telling[place])
                end = at + 1
            elif said[at].form not in self._plain and not _is_near_any(said[at].form, title):
                break
        if len(matched) == len(telling) or len(matched) > 1:
            return end
        word = matched[0]
        is_kind = word in self._plain or bool(self._genre_words.find(word))
        return None if is_kind or self._bearing.get(word, 0) > _RARE else end

    def _goes_on(self, said: Sequence[Word], end: int, title: Sequence[str], message: str) -> bool:
        """Whether a number, or a name with a capital, follows that the title does not have."""
        if end >= len(said):
            return False
        after, between = said[end], message[said[end - 1].end : said[end].start]
        if between.strip(" :-–") or _is_near_any(after.form, title):
            return False
        number = _NUMBERS.get(after.form, after.form)
        if number.isdigit():
            return len(number) < 4 or number in title
        capitals = message[said[end - 1].start].isupper() and message[after.start].isupper()
        return capitals and after.form not in self._plain


def _is_near_any(said: str, title: Iterable[str]) -> bool:
    return any(_is_near(said, word) for word in title)


def _is_near(said: str, word: str) -> bool:
    """Whether a word is another, or that with slips of the fingers."""
    if said == word or _NUMBERS.get(said, said) == _NUMBERS.get(word, word):
        return True
    shorter = min(len(said), len(word))
    if shorter < _ONE_SLIP or said.isdigit() or word.isdigit():
        return False
    most = 2 if shorter >= _TWO_SLIPS else 1
    return bool(DamerauLevenshtein.distance(said, word, score_cutoff=most) <= most)
