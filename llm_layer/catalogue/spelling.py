"""Spelling: whether two titles differ by slips of the fingers, or are two titles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from llm_layer.lexicon import load_words

_NUMERALS = {
    "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9",
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
}  # fmt: skip
# A word of up to so many letters is another one for a letter hit beside.
_SHORT = 4
# Two slips make it so alike still; below that it is another word.
_ALIKE = 84.0
# A word that exists is rarely a slip: one in a title, of so many letters at least, beside a word of
# so many that is right.
_REAL = 4
_TELLS = 4
_ANOTHER = 100
# In so many places of a word that is none.
_GARBLED = 2


def digits(word: str) -> str:
    """A numeral as a digit, any other word as it is."""
    return _NUMERALS.get(word, word)


def is_small(word: str) -> bool:
    """Whether a word may be left out or put into a title without making another one."""
    return word in load_words("small_words.txt")


def is_garbled(word: str) -> bool:
    """Whether letters stand together as in no English word, in two places or more.

    Examples
    --------
    >>> is_garbled("phwonmenon"), is_garbled("phenomenon"), is_garbled("argo")
    (True, False, False)
    """
    whole, following = f"^{word}$", _following()
    odd = sum(whole[at + 2] not in following.get(whole[at : at + 2], "") for at in range(len(word)))
    return word.isalpha() and word.isascii() and odd >= _GARBLED


@cache
def _following() -> dict[str, str]:
    return dict(each.split(":") for each in load_words("letter_triples.txt"))


def slips(typed: str, wanted: str) -> int | None:
    """Slips of the fingers between two words that stand alone; None for two words.

    Letters are swapped, left out, put in, or hit beside: one of these, two where the words are
    still much alike, more where no word is typed like that. Few people miss the first letter.

    Examples
    --------
    >>> slips("termintor", "terminator"), slips("haet", "heat"), slips("troy", "tron")
    (1, 1, None)
    >>> slips("argo", "fargo"), slips("superbad", "superman")
    (None, None)
    """
    if typed == wanted:
        return 0
    if min(len(typed), len(wanted)) < 3 or typed.isdigit() or wanted.isdigit():
        return None
    if typed[0] != wanted[0] and typed[:2] != wanted[1::-1]:
        return None
    if is_garbled(typed):
        return _within(typed, wanted, _most(typed, wanted))
    found = int(OSA.distance(typed, wanted, score_cutoff=2))
    if found == 1 and len(typed) == len(wanted) <= _SHORT:
        return found if sorted(typed) == sorted(wanted) else None
    return found if found == 1 or (found == 2 and fuzz.ratio(typed, wanted) >= _ALIKE) else None


def _has_number(listed: Sequence[str]) -> bool:
    return any(digits(word).isdigit() for word in listed)


def _joined(typed: str, wanted: str) -> int | None:
    """As :func:`slips` where two words are written as one: that is a slip already."""
    found = slips(typed, wanted)
    return found if found is not None and found < 2 and len(typed) >= len(wanted) - 1 else None


def _most(typed: str, wanted: str) -> int:
    """So many slips at most are made in a word that is none."""
    longest = max(len(typed), len(wanted))
    return 1 if longest < 4 else 2 if longest < 9 else 3


def _within(typed: str, wanted: str, most: int) -> int | None:
    found = int(OSA.distance(typed, wanted, score_cutoff=most))
    return found if found <= most and found * 2 <= min(len(typed), len(wanted)) else None


class Speller:
    """Holds typed titles against titles, word by word.

    Parameters
    ----------
    is_word : callable
        Whether a word is one that people use: it was then hardly meant to be another.
    """

    def __init__(self, is_word: Callable[[str], bool]) -> None:
        self._is_word = is_word

    def slips(self, typed: Sequence[str], wanted: Sequence[str]) -> int | None:
        """Slips between two titles, both as words; None where they are two titles.

        Small words may be missing or too many, two words may be written as one and one as two,
        numerals are digits; any other word has to be there.

        Examples
        --------
        >>> speller = Speller({"war", "at", "home", "forest"}.__contains__)
        >>> speller.slips("the war at home".split(), "the war of the worlds".split()) is None
        True
        >>> speller.slips("forest gump".split(), "forrest gump".split())
        1
        >>> speller.slips("starwars 2".split(), "star wars ii".split())
        1
        """
        best = self._align(tuple(typed), tuple(wanted), {})
        if best is None:
            return None
        if best >= _ANOTHER:  # "Forest Gump": the rest of it tells what is meant
            same = {word for word in typed if len(word) >= _TELLS and not is_small(word)}
            if best >= 2 * _ANOTHER or same.isdisjoint(wanted):
                return None
            best -= _ANOTHER
        telling = [word for word in wanted if not is_small(word)]
        if len(telling) == 1 and best:
            alone = any(slips(word, telling[0]) is not None for word in typed)
            return best if alone else None
        return best if best <= max(2, sum(map(len, wanted)) // 4) else None

    def _align(
        self,
        typed: tuple[str, ...],
        wanted: tuple[str, ...],
        known: dict[tuple[int, int], int | None],
    ) -> int | None:
        """Least slips of what is left of two titles."""
        key = len(typed), len(wanted)
        if key not in known:
            totals = [
                cost + rest
                for taken, left, cost in self._steps(typed, wanted)
                if (rest := self._align(typed[taken:], wanted[left:], known)) is not None
            ]
            known[key] = min(totals, default=None if typed or wanted else 0)
        return known[key]

    def _steps(self, typed: tuple[str, ...], wanted: tuple[str, ...]) -> list[tuple[int, int, int]]:
        """What may come first: words typed, words wanted, and slips between them."""
        steps = []
        if typed and wanted:
            pairs = [(1, 1, self._word(typed[0], wanted[0]))]
            if len(wanted) > 1 and not _has_number(wanted[:2]):
                pairs.append((1, 2, _joined(typed[0], wanted[0] + wanted[1])))
            if len(typed) > 1 and not _has_number(typed[:2]):
                pairs.append((2, 1, _joined(typed[0] + typed[1], wanted[0])))
            steps = [
                (one, other, found + (one != other))
                for one, other, found in pairs
                if found is not None
            ]
        if typed and is_small(typed[0]):
            steps.append((1, 0, 1))
        if wanted and is_small(wanted[0]):
            steps.append((0, 1, 1))
        return steps

    def _word(self, typed: str, wanted: str) -> int | None:
        """Slips between two words of longer titles, where the others tell as well."""
        if digits(typed) == digits(wanted):
            return 0
        if is_small(typed) and is_small(wanted):
            return 1
        if digits(typed).isdigit() or wanted.isdigit():
            return None
        found = _within(typed, wanted, _most(typed, wanted))
        if found and self._is_word(typed) and len(typed) > 2 and not is_small(wanted):
            return None if found > 1 or len(wanted) < _REAL else _ANOTHER + found
        return found
