"""Title spans: which words of a message are a title, from where to where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.catalogue.linking import Link
from llm_layer.catalogue.spelling import digits, is_small
from llm_layer.lexicon import load_words
from llm_layer.text import Word, words
from llm_layer.understanding import phrases

# Words behind a colon that begin a question about what stands before it.
_ASKING = frozenset(
    ("who", "what", "when", "where", "which", "why", "how", "is", "was", "do", "does", "can")
)
# "a fan of Alien", "instead of Alien": what stands before "of" there is no part of a title.
_OF_TITLES = frozenset(
    (
        "fan", "fans", "director", "directors", "cast", "star", "stars", "actor", "actors",
        "actress", "version", "remake", "sequel", "end", "ending", "plot", "story", "year", "genre",
        "kind", "type", "sort", "style", "vein", "spirit", "mood", "mould", "mold", "manner",
        "lines", "lot", "bit", "copy", "all", "any", "most", "some", "both", "out", "instead",
        "because", "think", "thinking", "heard", "hear", "know", "tired", "sick", "fond", "me",
        "us", "length", "price", "rating", "details", "summary", "runtime", "opinion", "review",
        "author", "writer", "score", "soundtrack", "part", "one", "rest", "feel", "taste",
    )
)  # fmt: skip
# A lower-case phrase is asked about where so many of its telling words stand in the title.
_SHARED = 2
_LONGEST = 10


@dataclass(frozen=True)
class Span:
    """Words that are a title.

    Attributes
    ----------
    link : Link or None
        Which item's; None for a title that the catalogue lacks.
    start, end : int
        Where they stand, end exclusive.
    """

    link: Link | None
    start: int
    end: int


class TitleSpans:
    """Finds where titles begin and end.

    Parameters
    ----------
    facts : ItemFacts
        Whose titles.
    genre_words : GenreWords
        Words that are none.
    is_known : callable
        Whether a phrase names something else (a person, a value of a column).
    """

    def __init__(
        self, facts: ItemFacts, genre_words: GenreWords, is_known: Callable[[str], bool]
    ) -> None:
        self._facts = facts
        self._genre_words = genre_words
        self._is_known = is_known

    def first(self, text: str, listed: Sequence[Word], freely: bool) -> tuple[Link | None, int]:
        """Item named by the first words, and how many they are: exactly, else nearly."""
        whole = text[listed[0].start : listed[-1].end]
        begins = len(listed) > 1 and _is_year(listed[0].form)
        if begins and self._facts.titles.link(whole) is None:  # "the 1998 Psycho"
            return self._dated(text, listed, freely)
        if listed[0].form == "the" and len(listed) > 2 and _is_year(listed[1].form):
            link, length = self.first(text, listed[1:], freely)
            return link, length + 1 if link is not None else 0
        most = min(len(listed), _LONGEST)
        for length in range(most, 0, -1):
            row = self.exact(text[listed[0].start : listed[length - 1].end], freely)
            if row is not None and self._ends(text, listed, length, freely, row):
                return Link(row), length
        if not freely:
            return None, 0
        for length in range(most, 0, -1):
            is_end = length == len(listed) or not is_small(listed[length - 1].form)
            if is_end and self._ends(text, listed, length, freely, None):
                link = self.nearly(text[listed[0].start : listed[length - 1].end])
                is_sure = (
                    link is not None and link.is_sure and self._is_joined(text, listed, length)
                )
                if link is not None and (is_sure or _stops(listed, length)):
                    return link, length
        return None, 0

    def _is_joined(self, text: str, listed: Sequence[Word], length: int) -> bool:
        """Whether what an "and" behind a title joins to it is a title or a kind of item.

        "Indiana Jones and the Kingdom of the Crystal Skull" is not "Indiana Jones" and more.
        """
        if length + 1 >= len(listed) or listed[length].form not in phrases.JOINT:
            return True
        rest = listed[length + 1 :]
        telling = next(iter(_telling(rest)), None)
        if telling is None or self._genre_words.find_words([telling]):
            return True
        return self.first(text, rest, True)[0] is not None

    def _dated(self, text: str, listed: Sequence[Word], freely: bool) -> tuple[Link | None, int]:
        link, length = self.first(text, listed[1:], freely)
        if link is None:
            return None, 0
        year = int(listed[0].form)
        same = self._facts.titles.rows(self._facts.title(link.row))
        row = next((one for one in same if self._facts.year(one) == year), None)
        return (Link(row), length + 1) if row is not None else (None, 0)

    def exact(self, part: str, freely: bool) -> int | None:
        """Item whose title a part of a message is; single words only where they are capitals."""
        listed = words(part)
        named = self._genre_words.find_words(listed)
        if self._is_known(part) or (phrases.NOT_A_TITLE.match(part) and not self._is_whole(part)):
            return None
        if named and len(listed) <= 2 and not part[:1].isupper():
            return None
        dated = phrases.DATED.match(part)
        rows = self._facts.titles.rows(dated["title"] if dated else part)
        if dated:
            rows = tuple(row for row in rows if self._facts.year(row) == int(dated["year"]))
        plain = all(word.form in load_words("stop_words.txt") for word in listed)
        if not rows or (plain and not part[:1].isupper()):
            return None
        if len(listed) > 1 or part[:1].isupper() or freely:
            return self._facts.titles.best(rows)
        return None

    def _is_whole(self, part: str) -> bool:
        """Whether words that begin as no title does are one all the same: "A Bronx Tale"."""
        return bool(self._facts.titles.rows(part)) and len(words(part)) > 2

    def nearly(self, part: str) -> Link | None:
        """Item that words where a title is expected come near to."""
        listed = words(part)
        content = _telling(listed)
        if not content or self._is_known(part):
            return None
        if phrases.NOT_A_TITLE.match(part):
            if not part.startswith(("A ", "An ")) or len(content) < 2:
                return None
            link = self._facts.titles.linked(part, within=False)
            return link if link is not None and link.is_sure else None
        mentions = self._genre_words.find_words(listed)
        if mentions and len(content) <= 2:
            told = sum(mention.end - mention.start for mention in mentions)
            is_kind = told >= sum(len(word.form) for word in listed)
            row = None if is_kind else self._facts.titles.begun(part)
            if row is not None:
                return Link(row, len(content) > 1)
            if is_kind:
                return None
        if len(listed) == 1 and content[0].form in load_words("plain_words_en.txt"):
            return None
        return self._facts.titles.linked(part, within=len(content) > 1)

    def missing(self, text: str, listed: Sequence[Word]) -> Span | None:
        """The first words as a title that the catalogue lacks; None where they are just words.

        Capitals tell one; in lower case, words that go on behind a title ("toy story 3"), or that
        come near to one.
        """
        part = text[listed[0].start : listed[-1].end]
        if phrases.NOT_A_TITLE.match(part) and not _is_capital(text, listed[0]):
            return None
        run = _capitals(text, listed)
        if run:
            part = text[run[0].start : run[-1].end]
            named = self._genre_words.find_words(run)
            is_kind = named and len(_telling(run)) <= len(named)
            if self._is_known(part) or is_kind or phrases.NOT_A_TITLE.match(part):
                return None
            if self.exact(part, freely=True) is not None:
                return None
            return Span(None, run[0].start, run[-1].end)
        length = next(
            (at for at, word in enumerate(listed) if word.form in phrases.CUT and
             not is_small(word.form)), len(listed),
        )  # fmt: skip
        run = list(listed[: min(length, _LONGEST)])
        if not run or not self._goes_on(text, run):
            return None
        return Span(None, run[0].start, run[-1].end)

    def _goes_on(self, text: str, run: Sequence[Word]) -> bool:
        """Whether lower-case words are a title and more, or nearly one."""
        for length in range(len(run) - 1, 0, -1):
            part = text[run[0].start : run[length - 1].end]
            row = self.exact(part, freely=True)
            if row is not None and _goes_on(text, run, length, self._facts.year(row)):
                return True
        row = self._facts.titles.near(text[run[0].start : run[-1].end])
        if row is None:
            return False
        shown = {word.form for word in words(self._facts.title(row))}
        typed = {word.form for word in _telling(run)}
        return len(typed & shown) >= _SHARED and len(typed) <= len(shown) + 1

    def in_text(self, text: str, start: int, end: int, listed: Sequence[Word]) -> bool:
        """Whether a title found anywhere in a text is meant: distinctive, and nothing longer."""
        if not self._distinctive(text[start:end]):
            return False
        first = next(at for at, word in enumerate(listed) if word.start == start)
        last = next(at for at, word in enumerate(listed) if word.end == end)
        if _goes_on(text, listed[first:], last - first + 1, None, is_strict=False):
            return False
        if first and listed[first].form not in ("the", "a", "an") and listed[first - 1].form in (
            "the", "a", "an"):  # fmt: skip
            first -= 1
        if not first:
            return True
        before = listed[first - 1]
        if before.form == "of" and first > 1 and not _parted(text, before.end, start):
            return listed[first - 2].form in _OF_TITLES
        apart = _parted(text, before.end, start) or text[start:].startswith(("the ", "a "))
        begins = first == 1 or _parted(text, listed[first - 2].end, before.start)
        is_own = before.form.endswith("s") and text[before.end - 2] in "'’"
        stop = load_words("stop_words.txt")
        joined = _is_capital(text, before) and _is_capital(text, listed[first])
        return apart or begins or is_own or before.form in stop or not joined

    def _ends(
        self, text: str, listed: Sequence[Word], length: int, freely: bool, row: int | None
    ) -> bool:
        """Whether a title may end behind so many words."""
        if length == len(listed):
            return True
        year = self._facts.year(row) if row is not None else None
        if _goes_on(text, listed, length, year):
            return False
        if year is not None and listed[length].form == str(year):
            return True
        cuts = listed[length].form in phrases.CUT or not listed[length].form.isascii()
        return cuts or (length > 1 and (not freely or length > 2))

    def _distinctive(self, part: str) -> bool:
        """Whether words in running text are a title and not just words ("heat", "big night")."""
        listed = words(part)
        if self._genre_words.find_words(listed) and not part[:1].isupper():
            return False
        if len(listed) == 1 or self._is_known(part):
            return False
        content = _telling(listed)
        return bool(content) and (part[:1].isupper() or len(listed) >= 3 or len(content) >= 2)


def _goes_on(
    text: str, listed: Sequence[Word], length: int, year: int | None, *, is_strict: bool = True
) -> bool:
    """Whether the title that the first words are goes on behind them, as another title."""
    if length >= len(listed):
        return False
    last, after = listed[length - 1], listed[length]
    between = text[last.end : after.start]
    if not after.form.isascii() or any(sign in between for sign in ",.;!?()\ue000\ue001\ue002"):
        return False
    if (":" in between or " - " in between) and after.form not in _ASKING:
        return True
    number = digits(after.form)
    if number.isdigit() and after.form != "one":
        return not (_is_year(number) and (year is None or int(number) == year))
    if after.form == "of":
        return length + 1 >= len(listed) or listed[length + 1].form not in ("course", "all")
    if after.form == "the" and length + 1 < len(listed):  # "Friday the 13th"
        following = text[listed[length + 1].start]
        if _is_capital(text, listed[0]) and (following.isupper() or following.isdigit()):
            return True
    capital = _is_capital(text, after) and _is_capital(text, listed[0])
    if capital and after.form not in ("i", "im", "id", "ive", "ill"):
        return True
    known = load_words("stop_words.txt") | load_words("plain_words_en.txt") | phrases.CUT
    return is_strict and length <= _SHARED and after.form not in known


def _stops(listed: Sequence[Word], length: int) -> bool:
    """Whether nothing that could belong to a title follows the first words."""
    if length == len(listed):
        return True
    after = listed[length].form
    cuts = after in phrases.CUT and after not in phrases.JOINT and not is_small(after)
    return cuts or not after.isascii()


def _capitals(text: str, listed: Sequence[Word]) -> list[Word]:
    """Words at the head that are written as a title: capitals, with small words between."""
    if text.istitle() and len(listed) > 1:
        return []
    run: list[Word] = []
    for at, word in enumerate(listed):
        capital = _is_capital(text, word) or (text[word.start].isdigit() and at > 0)
        if at and _parted(text, listed[at - 1].end, word.start):
            break
        if not capital and not (is_small(word.form) or word.form == "or"):
            break
        run.append(word)
    while run and not (_is_capital(text, run[-1]) or text[run[-1].start].isdigit()):
        run.pop()
    if not any(_is_capital(text, word) for word in _telling(run)):
        return []
    return run if _is_capital(text, run[0]) else []


def _is_capital(text: str, word: Word) -> bool:
    return text[word.start].isupper()


def _parted(text: str, start: int, end: int) -> bool:
    return any(sign in text[start:end] for sign in ",.;!?()，。；！？\n\ue000\ue001\ue002")


def _telling(listed: Sequence[Word]) -> list[Word]:
    return [word for word in listed if word.form not in load_words("stop_words.txt")]


def _is_year(form: str) -> bool:
    return len(form) == 4 and form.isdigit() and form[:2] in ("18", "19", "20")
