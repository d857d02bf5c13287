"""Claims about the visitor: what they did, named, usually do, stated; nothing else may be said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.checking.claims import ClaimKind, Known, Reading, Where
from llm_layer.checking.said import SaidTitles
from llm_layer.text import normalize

_LIST = r"(?:\x00+(?:, | and |, and |、|和|以及)?)+"
_DID = (
    r"watched|seen|saw|finished|rated|played|read|took|taken|bought|ordered|purchased|owned|chose"
    r"|chosen|used|tried|heard"
)
_WATCHED = re.compile(
    rf"\b[Yy]ou(?:['’]ve| have)?(?: already| also)? (?:{_DID})\b(?: (?P<titles>{_LIST}))?"
    rf"|\b[Yy]our (?:history|record|list of (?:{_DID}))(?: \w+){{0,2}} (?:has|lists|holds|shows)"
    rf"\b(?: (?P<titles2>{_LIST}))?"
    rf"|[你您](?:已经)?(?:[看读学买选用听玩试评]过|[看读学听玩]完)(?:了)?(?P<titles3>{_LIST})?"
    rf"|(?:[你您]的)?(?:历史)?记录里有(?P<titles4>{_LIST})?"
)
_NAMED = re.compile(
    rf"(?<!ould )(?<!might )(?<!may )(?<!will )\b[Yy]ou(?:['’]ve| have)?"
    rf"(?: already| also| really)? (?:named|mentioned|liked|loved|enjoyed"
    rf"|like|love|enjoy|picked)\b(?: (?P<titles>{_LIST}))?"
    rf"|[你您](?:提到|喜欢|说起|点名)(?:过|的|了)?(?P<titles2>{_LIST})?"
)
_ASKED = re.compile(
    rf"\b[Yy]ou(?:['’]ve| have)?(?: also)? asked for more like\b(?: (?P<titles>{_LIST}))?"
    rf"|[你您]想[看读学买选找要]类似(?P<titles2>{_LIST})?"
)
_TOOK = re.compile(
    rf"\b[Ii] took (?:the title|that|it) for\b(?: (?P<titles>{_LIST}))?"
    rf"|(?:当作|当成)(?:了|是)?(?P<titles2>{_LIST})?"
)
_HABIT = re.compile(
    r"\b[Yy]ou (?:often|usually|always|mostly) (?:watch|read|take|buy|choose) (?P<what>[^.!?]+)"
    r"|[你您](?:常|经常|总)[看读学买选](?P<what2>[^。！？；]+)"
)
_STATED = re.compile(
    r"\b[Yy]ou (?:said|told me)(?: that)? you (?P<verb>(?:do not|don['’]t) (?:like|want)|dislike"
    r"|like|love|want) (?P<what>[^.!?]+)"
    r"|\b[Yy]ou told me: (?P<fact>[^.!?]+)"
    r"|[你您]说过[你您]?(?P<verb2>不喜欢|喜欢)(?P<what2>[^。！？；]+)"
    r"|[你您]告诉过我：(?P<fact2>[^。！？]+)"
)
_YOU = re.compile(r"\b(?:you|your|yours|yourself)\b(?:['’]\w+)?|[你您]", re.IGNORECASE)
# "you" where nothing is said of the visitor.
_BEFORE = re.compile(
    r"\b(?:for|to|with|gives?|giving|offers?|brings?|shows?|let|lets|suits?|thank|leaves?|help|helps"
    r"|tell|ask|from|before|between|of|about|all)\s+$|(?:给|为|让|和|对|告诉|按|照|按照|根据|适合|供|随|请)$",
    re.IGNORECASE,
)
_MAY = re.compile(
    r"^\s+(?:could|can|cannot|may|might|would|will|should|need)\b|^\s+are welcome\b"
    r"|^\s+asked for(?! more)\b|^\s+(?:want|wanted|wished)(?:\s+for)?\s*(?:[.,;:!?]|$)"
    r"|^(?:也)?(?:可以|可能|会|能|要(?!求)|想|需要|先|好|来|若|如果|愿意|不妨)",
    re.IGNORECASE,
)
_IF = re.compile(
    r"\b(?:if|when|whenever|unless|once|should|in case)\s+$|(?:如果|要是|若|当)$", re.IGNORECASE
)
_WHAT = re.compile(r"\b(?:what|whatever|as|where)\s+$", re.IGNORECASE)
_WISH = re.compile(
    r"^\s+(?:want|wanted|feel|need|would|prefer|look|have time|decide|wish|go|are in the mood"
    r"|like(?! \x00)|asked|choose|start|think|say|know|see)\b|^(?:想|要|喜欢|愿意|觉得|需要)",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"^\s+(?:own )?(?:taste|tastes|wish|wishes|mood|choice|list|evening|night|request|words?|turn"
    r"|next|message|messages|pick|time|day|{noun}|{nouns})\b",
    re.IGNORECASE,
)
_OWN_ZH = re.compile(r"^的(?:口味|要求|描述|想法|心情|愿望|选择|话|记录|历史)")
_USUAL = re.compile(r"\b(?:often|usually|always|ever|yet|again|still)\b|常|总是|从来|一直")


class VisitorClaims:
    """Checks what replies say about the one they speak with."""

    def __init__(self, facts: ItemFacts, genre_words: GenreWords, noun: str, nouns: str) -> None:
        self._facts = facts
        self._genre_words = genre_words
        self._said = SaidTitles(facts, genre_words)
        self._own = re.compile(
            _OWN.pattern.replace("{noun}", re.escape(noun)).replace("{nouns}", re.escape(nouns)),
            re.IGNORECASE,
        )

    def check(self, reading: Reading, known: Known) -> None:
        """Account for every claim about the visitor."""
        for match in list(_STATED.finditer(reading.left)):
            self._stated(reading, known, match)
        examples = known.named if known.examples is None else known.examples
        for pattern, kind, where, allowed in _kinds(known, examples):
            for match in list(pattern.finditer(reading.left)):
                self._items(reading, known, match, kind, where, allowed)
        for match in list(_HABIT.finditer(reading.left)):
            self._habit(reading, known, match)
        for match in list(_YOU.finditer(reading.left)):
            self._other(reading, match)

    def _items(
        self,
        reading: Reading,
        known: Known,
        match: re.Match[str],
        kind: ClaimKind,
        where: Where,
        allowed: Iterable[int],
    ) -> None:
        pattern = match.re
        group = next((name for name in match.groupdict() if match[name]), None)
        begin, end = match.span(group) if group else (match.end(), match.end())
        rows = [row for start, _, row in reading.places if begin <= start < end]
        said = reading.text[match.start() : begin].strip()
        if not rows:
            reading.claim(kind, said, False, where)
        for row in rows:
            item, title = self._facts.item(row), self._facts.title(row)
            message, holds = None, row in allowed
            if kind == "naming" and pattern is not _TOOK:
                message = self._said.message_with(row, known.said)
                holds = holds and self.is_said(row, known)
            reading.claim(kind, f"{said} {title}", holds, where, "", (item,), message)
        reading.blank(match.start(), begin)

    def is_said(self, row: int, known: Known) -> bool:
        """Whether an item is named in the visitor's own words, or stands for some of them.

        Whoever linked the words to it is not asked: the words have to spell the title, slips of
        the fingers apart, or point at an item that was shown.
        """
        if not known.said or row in known.given or row in known.guessed:
            return True
        if self._said.message_with(row, known.said) is not None:
            return True
        return row in known.shown and self._said.points(known.said)

    def _habit(self, reading: Reading, known: Known, match: re.Match[str]) -> None:
        group = "what" if match["what"] else "what2"
        mentions = self._genre_words.find(match[group])
        genres = {mention.genre for mention in mentions}
        usual = self._usual_genres(known.history)
        supported = bool(genres) and genres <= usual
        reading.claim("habit", match.group(), supported, "history", "genres")
        begin = match.start(group)
        for mention in mentions:  # any other word of it is looked at with the other words
            reading.blank(begin + mention.start, begin + mention.end)
        reading.blank(match.start(), begin)

    def _usual_genres(self, history: Iterable[int]) -> set[str]:
        counts = Counter(genre for row in history for genre in self._facts.genres(row))
        third = sorted(counts.values(), reverse=True)[2] if len(counts) > 2 else 0
        return {genre for genre, count in counts.items() if count >= third}

    def _stated(self, reading: Reading, known: Known, match: re.Match[str]) -> None:
        fact = match["fact"] or match["fact2"]
        if fact:
            wanted = normalize(fact)
            supported = any(
                entry.kind == "fact" and normalize(str(entry.value)) == wanted
                for entry in known.stated
            )
            end = match.end()
        else:
            what, verb = match["what"] or match["what2"], match["verb"] or match["verb2"]
            dislike = verb.startswith(("d", "不"))
            mentions = self._genre_words.find(what)
            named = {mention.genre for mention in mentions}
            names = {normalize(entry.value) for entry in known.stated if entry.kind == "person"}
            people = {name for name in names if f" {name} " in f" {normalize(what)} "}
            held = {
                entry.value if entry.kind == "genre" else normalize(str(entry.value))
                for entry in known.stated
                if entry.kind in ("genre", "person") and (entry.strength < 0) == dislike
            }
            supported = bool(named | people) and named | people <= held
            end = match.start("what" if match["what"] else "what2")
            for mention in mentions:
                reading.blank(end + mention.start, end + mention.end)
        reading.claim("stated", match.group(), supported, "profile")
        reading.blank(match.start(), end)

    def _other(self, reading: Reading, match: re.Match[str]) -> None:
        """Nothing else may be said of the visitor in a statement."""
        if reading.is_question(match.start()):
            return
        before, after = reading.left[: match.start()], reading.left[match.end() :]
        word = match.group().casefold()
        if word == "your" or (word in "你您" and after.startswith("的")):
            _, last = reading.sentence(match.start())
            own = self._own.match(after) or _OWN_ZH.match(after)
            fine = bool(own) and not _USUAL.search(after[: last - match.end()])
        elif word in ("you", "你", "您"):
            if after.startswith("好") or (before.endswith("\n") and after[:1] in "，！"):
                return
            fine = bool(
                _MAY.match(after)
                or (_IF.search(before) and not _USUAL.match(after.lstrip()))
                or (_WHAT.search(before) and _WISH.match(after))
                or (_BEFORE.search(before) and not _USUAL.match(after.lstrip()))
            )
        else:
            fine = False
        if not fine:
            _, last = reading.sentence(match.start())
            said = reading.text[match.start() : min(last, match.end() + 30)]
            reading.claim("visitor", said.strip(), False, "profile")


def _kinds(
    known: Known, examples: frozenset[int]
) -> tuple[tuple[re.Pattern[str], ClaimKind, Where, Iterable[int]], ...]:
    return (
        (_WATCHED, "history", "history", known.history),
        (_NAMED, "naming", "messages", known.named),
        (_ASKED, "naming", "messages", examples),
        (_TOOK, "naming", "messages", known.guessed),
    )
