"""Mentions: the titles that a message names, and what it says of each."""

from __future__ import annotations

import re
from collections.abc import Callable

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.lexicon import load, load_words
from llm_layer.text import Word, has_chinese, quoted_parts, words
from llm_layer.understanding import phrases
from llm_layer.understanding.page import ITEM, PERSON, PLACE, Page, Titles
from llm_layer.understanding.phrases import TitleRole

_LATIN = re.compile(r"[A-Za-z0-9À-ɏ](?:[\w'’&:.!-]*[\wÀ-ɏ!])?(?:\s+[\w'’&:.!-]+)*", re.ASCII)
_NO_LATIN_TITLE = frozenset(
    [
        "ok",
        "okay",
        "pass",
        "vs",
        "pk",
        "imdb",
        "netflix",
        "top",
        "no",
        "hi",
        "hello",
        "bye",
        "thanks",
        "please",
        "dvd",
        "3d",
        "2d",
        "ai",
        "it",
        "tv",
    ]
)
# What stands between the words that join what is compared.
_PARTED = re.compile(
    r"(?:(?!\b(?:and|or|vs|versus|with|to|than)\b|[,，、和跟与比]).)+", re.IGNORECASE
)
_LEADS = frozenset(
    ("the", "first", "original", "old", "new", "movie", "film", "called", "named", "one", "book")
)
_BEFORE_COMPARED = frozenset(("is", "was", "the", "movie", "film", "which", "better", "between"))
_YEAR = re.compile(r"^(?:19|20)\d\d$")
# Chinese titles that are words of every day, and what stands next to one that is meant.
_EVERYDAY = frozenset(("外星人", "好家伙", "第六感", "终结者", "独立日", "角斗士", "出租车司机"))
_ZH_BEFORE = re.compile(r"(?:像|类似|喜欢|爱|看过|看完|讨厌|跟|和|与|比|导演|主演|演|关于)了?$")
_ZH_BEHIND = re.compile(
    r"(?:的(?:导演|主演|演员)|是(?:谁|哪)|讲|那样|这样|这部|那部|和|跟|还是|哪)"
)
_BETWEEN = re.compile(r"\s*(?:,\s*(?:and\b|or\b)?|\band\b|\bor\b)\s*", re.IGNORECASE)
# A word of fewer letters behind "I like" is rather a word than a title.
_SHORT = 5
_SINGLE_QUOTES = re.compile(r"(?<![\w])['‘]([^'’‘]{2,60})['’](?!\w)")
_HAN_NUMBER = re.compile(r"^[\d\s.:%-]+$")


# Patterns of phrases, whether a misspelled title is looked for behind them, and a role of its own.
_Pattern = tuple["re.Pattern[str]", bool, TitleRole]
_PATTERNS: tuple[_Pattern, ...] = (
    (phrases.COMPARED_YEAR, True, ""),
    (phrases.COMPARED, True, "about"),
    (phrases.EXAMPLE, True, ""),
    (phrases.CHOSEN, True, ""),
    (phrases.TAKEN, True, ""),
    (phrases.STYLED, True, ""),
    (phrases.DECLINED, False, ""),
    (phrases.KNOWN_ALREADY, True, ""),
    (phrases.JUDGED, True, ""),
    (phrases.ASKED_ABOUT, True, "about"),
    (phrases.PLAIN_EXAMPLE, False, ""),
)


class TitleReader:
    """Finds the titles that a message names.

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
        known = load("names_zh.json")["titles"]
        rows = {name: facts.titles.rows(title) for name, title in known.items()}
        self._named_zh = {name: facts.titles.best(found) for name, found in rows.items() if found}
        ordered = sorted(self._named_zh, key=len, reverse=True)
        self._chinese = re.compile("|".join(ordered)) if ordered else None

    def read(self, page: Page) -> Titles:
        """Items named, with what is said of each, and quoted titles that do not exist."""
        found = Titles()
        self._quoted(page, found)
        if has_chinese(page.text):
            self._latin(page, found)
            self._chinese_titles(page, found)
        self._liked(page, found)
        for pattern, freely, own in _PATTERNS:
            self._behind(page, found, pattern, freely, own)
        for mention in self._facts.titles.find_words(page.words()):
            if self._distinctive(page.text[mention.start : mention.end]):
                row = self._facts.titles.best(mention.rows)
                found.add(phrases.role(page.text, mention.start, mention.end), row)
                page.take(mention.start, mention.end, ITEM)
        return found

    def alone(self, text: str) -> int | None:
        """Item whose title is the whole message, exactly; None where it says anything else."""
        part = text.strip(" \n.!?。！？")
        if self._is_known(part) or self._genre_words.find(part):
            return None
        rows = self._facts.titles.rows(part)
        plain = load_words("stop_words.txt") | load_words("plain_words_en.txt")
        if not rows or all(word.form in plain for word in words(part)):
            return None
        return self._facts.titles.best(rows)

    def missing_in(self, text: str) -> tuple[str, ...]:
        """What a question is about as though it were a title, where no title comes near."""
        for match in phrases.ASKED_ABOUT.finditer(text):
            part = re.split(
                r"\s+(?:from|please|and who|made|released|shot|come out|about)\b",
                (match["title"] or match["zhtitle"]).strip(),
            )[0]
            listed = words(part)
            points = phrases.NOT_A_TITLE.match(part) or phrases.POINTING.match(part)
            named = self._genre_words.find(part) and len(listed) <= 2
            marked = any(mark in part for mark in (ITEM, PLACE, PERSON))
            if listed and not (points or named or marked):
                return (part,)
        return ()

    def _quoted(self, page: Page, found: Titles) -> None:
        for inner, start, end in quoted_parts(page.text):
            row = self._facts.titles.link(inner)
            if row is None and page.typed:  # a catalogue in traditional signs
                row = self._facts.titles.link(page.typed[start + 1 : end - 1])
            row = self._named_zh.get(inner.strip()) if row is None else row
            if row is None:
                if self._is_known(inner):
                    continue
                found.missing.append(inner.strip())
            else:
                found.add(phrases.role(page.text, start, end), row)
            page.take(start, end, ITEM if row is not None else " ")
        for match in list(_SINGLE_QUOTES.finditer(page.text)):
            row = self._facts.titles.link(match[1])
            if row is not None:
                found.add(phrases.role(page.text, *match.span()), row)
                page.take(*match.span(), ITEM)

    def _latin(self, page: Page, found: Titles) -> None:
        """In a Chinese message, words in Latin letters are names: of an item, where one fits."""
        for match in list(_LATIN.finditer(page.text)):
            part = match.group().strip(" .:-")
            known = part.lower() in _NO_LATIN_TITLE or _HAN_NUMBER.match(part)
            exact = part[:1].isupper() and self._facts.titles.rows(part)
            if known or len(part) < 2 or self._is_known(part):
                continue
            begun = part[:1].isupper() and self._facts.titles.begun(part) is not None
            if self._genre_words.find(part) and not (exact or begun):
                continue
            begin = match.start() + match.group().index(part)
            for row, start, end in self._listed(page, begin, begin + len(part), True):
                found.add(phrases.role(page.text, start, end), row)
                page.take(start, end, ITEM)

    def _chinese_titles(self, page: Page, found: Titles) -> None:
        """Chinese titles of well-known items that the catalogue has under another name."""
        if self._chinese is None:
            return
        for match in list(self._chinese.finditer(page.text)):
            before, after = page.text[: match.start()], page.text[match.end() :]
            is_word = len(match.group()) < 3 or match.group() in _EVERYDAY
            if is_word and not (_ZH_BEFORE.search(before) or _ZH_BEHIND.match(after)):
                continue
            found.add(phrases.role(page.text, *match.span()), self._named_zh[match.group()])
            page.take(*match.span(), ITEM)

    def _liked(self, page: Page, found: Titles) -> None:
        """Single words behind "I like" that are titles and no words of every day, all of them."""
        usual = load_words("common_names.txt") | load_words("plain_words_en.txt")
        text = page.text
        for match in list(phrases.LIKED.finditer(text)):
            begin, stop = match.span("title")
            joints = [joint.span() for joint in _BETWEEN.finditer(text, begin, stop)]
            heads = [begin, *(end for _, end in joints)]
            spans = list(zip(heads, [*(start for start, _ in joints), stop], strict=True))
            rows = [self._exact(text[slice(*span)].strip(), freely=True) for span in spans]
            plain = any(len(said) < _SHORT or said in usual for said in
                        (text[slice(*span)].strip().lower() for span in spans))  # fmt: skip
            if plain or None in rows:
                continue
            for row, span in zip(rows, spans, strict=True):
                if row is not None:
                    found.add(phrases.role(text, *span, begin), row)
                    page.take(*span, ITEM)

    def _behind(
        self, page: Page, found: Titles, pattern: re.Pattern[str], freely: bool, own: TitleRole
    ) -> None:
        """Titles behind "like", "loved", "who directed": there a single plain word may be one."""
        text = page.text
        for match in pattern.finditer(text):
            group = next(
                name
                for name in ("title", "zhtitle", "versus")
                if name in match.groupdict() and match[name]
            )
            begin, stop = match.span(group)
            freely = freely or bool(match.groupdict().get("freely"))
            linked = self._listed(page, begin, stop, freely)
            if pattern is phrases.COMPARED and len(linked) < 2:
                linked = self._each(page, begin, stop)
            if pattern is phrases.COMPARED and len(linked) < 2:
                continue
            for row, start, end in linked:
                said = phrases.role(text, start, end, begin)
                found.add(own if own and said != "unlike" else said, row)
                page.take(start, end, ITEM)

    def _listed(
        self, page: Page, begin: int, stop: int, freely: bool
    ) -> list[tuple[int, int, int]]:
        """Titles one after the other, with "and" between: row, start, end of each."""
        listed = [word for word in page.words() if begin <= word.start and word.end <= stop]
        if listed and listed[0].form in ("both", "between"):
            listed = listed[1:]
        found: list[tuple[int, int, int]] = []
        at = 0
        while listed and self._first(page.text, listed, freely)[0] is None:
            if listed[0].form not in _LEADS:  # "the first Alien", "the film Heat"
                break
            listed = listed[1:]
        while at < len(listed):
            row, length = self._first(page.text, listed[at:], freely)
            if row is None:
                break
            found.append((row, listed[at].start, listed[at + length - 1].end))
            at += length
            if at < len(listed) and listed[at].form not in phrases.JOINT:
                break
            at += 1
        return found

    def _each(self, page: Page, begin: int, stop: int) -> list[tuple[int, int, int]]:
        """Titles at the heads of the parts between "and", "than" and commas."""
        found: list[tuple[int, int, int]] = []
        for part in _PARTED.finditer(page.text, begin, stop):
            listed = [
                word
                for word in page.words()
                if word.start >= part.start() and word.end <= part.end()
            ]
            while listed and listed[0].form in _BEFORE_COMPARED:
                listed = listed[1:]
            for length in range(min(8, len(listed)), 0, -1):
                span = listed[0].start, listed[length - 1].end
                row = self._exact(page.text[slice(*span)], freely=True)
                if row is None and length == len(listed):
                    row = self._nearly(page.text[slice(*span)])
                if row is not None:
                    found.append((row, *span))
                    break
        return found

    def _first(self, text: str, listed: list[Word], freely: bool) -> tuple[int | None, int]:
        """Item named by the first words, and how many they are: exactly, else nearly."""
        whole = text[listed[0].start : listed[-1].end]
        begins = len(listed) > 1 and _YEAR.match(listed[0].form)
        if begins and self._facts.titles.link(whole) is None:  # "the 1998 Psycho"
            row, length = self._first(text, listed[1:], freely)
            year = int(listed[0].form)
            if row is not None:
                same = self._facts.titles.rows(self._facts.title(row))
                row = next((one for one in same if self._facts.year(one) == year), None)
            return row, length + 1 if row is not None else 0
        if listed[0].form == "the" and len(listed) > 2 and _YEAR.match(listed[1].form):
            row, length = self._first(text, listed[1:], freely)
            return row, length + 1 if row is not None else 0
        most = min(len(listed), 10)
        for length in range(most, 0, -1):
            row = self._exact(text[listed[0].start : listed[length - 1].end], freely)
            if row is not None and self._ends(listed, length, freely):
                return row, length
        if not freely:
            return None, 0
        for length in range(most, 0, -1):
            if self._ends(listed, length, freely):
                row = self._nearly(text[listed[0].start : listed[length - 1].end])
                if row is not None:
                    return row, length
        return None, 0

    @staticmethod
    def _ends(listed: list[Word], length: int, freely: bool) -> bool:
        """Whether a title may end behind so many words."""
        if length == len(listed) or length > 1:
            return length == len(listed) or not freely or length > 2 or _cuts(listed[length])
        return _cuts(listed[length])

    def _exact(self, part: str, freely: bool) -> int | None:
        listed = words(part)
        named = self._genre_words.find_words(listed)
        if self._is_known(part) or phrases.NOT_A_TITLE.match(part):
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

    def _nearly(self, part: str) -> int | None:
        """Item that words where a title is expected come near to."""
        listed = words(part)
        stop = load_words("stop_words.txt")
        content = [word for word in listed if word.form not in stop]
        if not content or phrases.NOT_A_TITLE.match(part) or self._is_known(part):
            return None
        mentions = self._genre_words.find_words(listed)
        if mentions and len(content) <= 2:
            told = sum(mention.end - mention.start for mention in mentions)
            is_kind = told >= sum(len(word.form) for word in listed)
            return None if is_kind else self._facts.titles.begun(part)
        if len(listed) == 1 and content[0].form in load_words("plain_words_en.txt"):
            return None
        return self._facts.titles.link(part, within=len(content) > 1)

    def _distinctive(self, part: str) -> bool:
        """Whether words in running text are a title and not just words ("heat", "big night")."""
        listed = words(part)
        if self._genre_words.find_words(listed) and not part[:1].isupper():
            return False
        content = [word for word in listed if word.form not in load_words("stop_words.txt")]
        if len(listed) == 1 or self._is_known(part):
            return False
        return bool(content) and (part[:1].isupper() or len(listed) >= 3 or len(content) >= 2)


def _cuts(word: Word) -> bool:
    return word.form in phrases.CUT or not word.form.isascii()
