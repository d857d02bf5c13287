"""Mentions: the titles that a message names, and what it says of each."""

from __future__ import annotations

import re
from collections.abc import Callable

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.catalogue.linking import Link
from llm_layer.lexicon import load, load_words
from llm_layer.text import has_chinese, quoted_parts, words
from llm_layer.understanding import phrases
from llm_layer.understanding.page import ITEM, PERSON, PLACE, Page, Titles
from llm_layer.understanding.phrases import TitleRole
from llm_layer.understanding.title_spans import TitleSpans

_LATIN = re.compile(
    r"[A-Za-z0-9À-ɏ](?:[\w'’&:.!-]*[\wÀ-ɏ!])?(?:(?::|\s[-–])?\s+[\w'’&:.!-]+)*", re.ASCII
)
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
_ABBREVIATED = re.compile(r"(?:[A-Za-z]\.)+|(?:mrs?|ms|dr|st|vs)\.", re.IGNORECASE)
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
# Behind these nothing but a title is said.
_EXPECTING = (phrases.EXAMPLE, phrases.STYLED, phrases.ASKED_ABOUT)


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
        self._spans = TitleSpans(facts, genre_words, is_known)
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
        listed = page.words()
        for mention in self._facts.titles.find_words(listed):
            if self._spans.in_text(page.text, mention.start, mention.end, listed):
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
        titles = self._facts.titles
        for inner, start, end in quoted_parts(page.text):
            link = titles.linked(inner)
            if link is None and page.typed:  # a catalogue in traditional signs
                link = titles.linked(page.typed[start + 1 : end - 1])
            if link is None and (row := self._named_zh.get(inner.strip())) is not None:
                link = Link(row)
            if link is not None:
                self._add(page, found, link, start, end, phrases.role(page.text, start, end))
            elif not self._is_known(inner):
                found.miss(inner.strip(), titles.near(inner))
                page.take(start, end, " ")
        for match in list(_SINGLE_QUOTES.finditer(page.text)):
            link = titles.linked(match[1])
            if link is not None:
                role = phrases.role(page.text, *match.span())
                self._add(page, found, link, *match.span(), role)

    @staticmethod
    def _add(page: Page, found: Titles, link: Link, start: int, end: int, role: TitleRole) -> None:
        """Note a link, and that its words are understood."""
        found.add(role, link.row)
        if not link.is_sure and link.row not in found.guessed:
            found.guessed.append(link.row)
        page.take(start, end, ITEM)

    def _miss(self, page: Page, found: Titles, begin: int, stop: int) -> None:
        """Note a title that the catalogue lacks, where the words between are one."""
        whole = page.words()
        listed = [word for word in whole if begin <= word.start and word.end <= stop]
        span = self._spans.missing(page.text, listed) if listed else None
        if span is None:
            return
        # A full stop or a comma may stand in a title: "Mr. Mom", "Good Morning, Vietnam".
        longer = _ABBREVIATED.match(page.text, span.start) is not None or any(
            mention.start < span.end and span.start < mention.end
            and not begin <= mention.start < mention.end <= stop
            for mention in self._facts.titles.find_words(whole)
        )  # fmt: skip
        if not longer:
            part = page.text[span.start : span.end]
            found.miss(part, self._facts.titles.near(part))
            page.take(span.start, span.end, " ")

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
            linked = self._listed(page, begin, begin + len(part), True)
            for link, start, end in linked:
                self._add(page, found, link, start, end, phrases.role(page.text, start, end))
            if not linked:
                self._miss(page, found, begin, begin + len(part))

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
            rows = [self._spans.exact(text[slice(*span)].strip(), freely=True) for span in spans]
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
            for link, start, end in linked:
                said = phrases.role(text, start, end, begin)
                self._add(page, found, link, start, end, own if own and said != "unlike" else said)
            if not linked and pattern in _EXPECTING:
                self._miss(page, found, begin, stop)

    def _listed(
        self, page: Page, begin: int, stop: int, freely: bool
    ) -> list[tuple[Link, int, int]]:
        """Titles one after the other, with "and" between: link, start, end of each."""
        listed = [word for word in page.words() if begin <= word.start and word.end <= stop]
        if listed and listed[0].form in ("both", "between"):
            listed = listed[1:]
        found: list[tuple[Link, int, int]] = []
        at = 0
        first: tuple[Link | None, int] = (None, 0)
        while listed and (first := self._spans.first(page.text, listed, freely))[0] is None:
            if listed[0].form not in _LEADS:  # "the first Alien", "the film Heat"
                return []
            listed = listed[1:]
        while at < len(listed):
            link, length = self._spans.first(page.text, listed[at:], freely) if at else first
            if link is None:
                break
            found.append((link, listed[at].start, listed[at + length - 1].end))
            at += length
            if at < len(listed) and listed[at].form not in phrases.JOINT:
                break
            at += 1
        return found

    def _each(self, page: Page, begin: int, stop: int) -> list[tuple[Link, int, int]]:
        """Titles at the heads of the parts between "and", "than" and commas."""
        found: list[tuple[Link, int, int]] = []
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
                row = self._spans.exact(page.text[slice(*span)], freely=True)
                link = Link(row) if row is not None else None
                if link is None and length == len(listed):
                    link = self._spans.nearly(page.text[slice(*span)])
                if link is not None:
                    found.append((link, *span))
                    break
        return found
