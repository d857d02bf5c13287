"""Words for genres: the catalogue's own names, their synonyms, and their Chinese names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llm_layer.lexicon import load
from llm_layer.text import Language, Word, has_chinese, normalize, words


@dataclass(frozen=True)
class GenreMention:
    """A genre found in a text: its catalogue name and where it stands (end exclusive)."""

    genre: str
    start: int
    end: int


class GenreWords:
    """Recognizes and names the genres of one catalogue.

    Parameters
    ----------
    genres : sequence of str
        Names as the catalogue has them. Synonyms come from ``genres.json`` (films) and
        ``values.json`` (shops, courses, articles) of the lexicon; a genre that is not in there is
        known by its own name alone.

    Attributes
    ----------
        chinese : dict of str to tuple of str
            Chinese words for each genre that has any.

    Examples
    --------
        >>> known = GenreWords(["Comedy", "Sci-Fi"])
        >>> [mention.genre for mention in known.find("a funny 科幻 film")]
        ['Comedy', 'Sci-Fi']
        >>> known.name("Sci-Fi", "en"), known.name("Sci-Fi", "zh")
        ('sci-fi', '科幻')
    """

    def __init__(self, genres: Sequence[str]) -> None:
        self.genres = tuple(genres)
        self._forms: dict[str, str] = {}
        self._chinese: dict[str, str] = {}
        self._plurals: dict[str, str] = {}
        self.chinese: dict[str, tuple[str, ...]] = {}
        for genre in self.genres:
            own = normalize(genre)
            # An entry under the genre's own name tells more than one that only mentions it.
            entries = sorted(_synonyms().items(), key=lambda entry: normalize(entry[0]) == own)
            for name, synonyms in entries:
                listed = {normalize(name), *map(normalize, synonyms["en"])}
                if own in listed or genre in synonyms["zh"]:
                    self._forms.update(dict.fromkeys(listed, genre))
                    self._forms.update({normalize(word): genre for word in synonyms["zh"]})
                    self._chinese[genre] = synonyms["zh"][0]
                    self.chinese[genre] = tuple(synonyms["zh"])
                    if "plural" in synonyms:
                        self._plurals[genre] = synonyms["plural"]
        for form, genre in list(self._forms.items()):
            if form.isascii() and form.isalpha() and not form.endswith("s"):
                self._forms.setdefault(f"{form}s", genre)
        for genre in self.genres:  # its names outweigh what is a synonym of another
            self._forms[normalize(self._chinese.get(genre, genre))] = genre
            self._forms[normalize(genre)] = genre
        self._longest: dict[str, int] = {}
        for form in self._forms:
            first, *rest = form.split() or [""]
            self._longest[first] = max(self._longest.get(first, 0), 1 + len(rest))

    def find(self, text: str) -> list[GenreMention]:
        """Every word for a genre in `text`, in order."""
        return self.find_words(words(text))

    def find_words(self, listed: Sequence[Word]) -> list[GenreMention]:
        """As :meth:`find`, over words."""
        found: list[GenreMention] = []
        at = 0
        while at < len(listed):
            length = self._length_at(listed, at)
            if length:
                form = " ".join(word.form for word in listed[at : at + length])
                end = listed[at + length - 1].end
                found.append(GenreMention(self._forms[form], listed[at].start, end))
            at += length or 1
        return found

    def _length_at(self, listed: Sequence[Word], at: int) -> int:
        most = self._longest.get(listed[at].form, 0)
        for length in range(min(most, len(listed) - at), 0, -1):
            if " ".join(word.form for word in listed[at : at + length]) in self._forms:
                return length
        return 0

    def name(self, genre: str, language: Language) -> str:
        """What a genre is called in a sentence."""
        if language == "zh":
            return self._chinese.get(genre, genre)
        return genre if has_chinese(genre) else genre.lower()

    def plural(self, genres: Sequence[str], *, either: bool = False) -> str:
        """Several items of all (or any) of `genres`: "westerns", "war and crime titles"."""
        if len(genres) == 1 and genres[0] in self._plurals:
            return self._plurals[genres[0]]
        names = [self.name(genre, "en") for genre in genres]
        return f"{(' or ' if either else ' and ').join(names)} titles" if names else ""


def _synonyms() -> dict[str, Any]:
    """Words for genres and categories, by name; the words of films come last and outweigh."""
    return {**load("values.json"), **load("genres.json")}
