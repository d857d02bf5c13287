"""Measures: limits on numbers ("under 20 dollars") and shifts of them ("shorter").

Which column a number is about follows from its unit, from a word beside it, or from the comparison
("cheaper than"). What the item table has no column for is named, so that a reply can say so.
"""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from llm_layer.catalogue.attributes import Attributes
from llm_layer.understanding.critique import Critique, Take
from llm_layer.understanding.negation import negated
from llm_layer.understanding.numbers import NUMBER, read_number
from llm_layer.understanding.request import Range

_I = re.IGNORECASE


@dataclass(frozen=True)
class Dimension:
    """A property that catalogues keep a number for.

    Attributes
    ----------
    columns : tuple of str
        Words in a column's name that tell of it, most telling first.
    units : str
        Pattern of units that only it is counted in.
    words : str
        Pattern of words that name it.
    lower, higher : str
        Patterns of wishes for less and for more of it.
    plain : {"most", "least", "about"}
        What a bare number of it means.
    """

    columns: tuple[str, ...]
    units: str
    words: str
    lower: str
    higher: str
    plain: str = "about"


DIMENSIONS: dict[str, Dimension] = {
    "length": Dimension(
        ("runtime", "duration", "length", "minutes", "running", "hours", "mins"),
        r"minutes?\b|mins?\b|m\b|分钟|hours?\b|hrs?\b|h\b|个?半?小时|个?钟头?",
        r"\b(?:run(?:ning)?[ -]?times?|runtime|duration|length|long|short)\b|片长|时长|长度",
        r"\b(?:short(?:er)?(?! list| and sweet)|shortest|briefer|quicker|less long|too long|not (?:so|that|as|too|very) long|not long|nothing (?:too |so |very )?long|less lengthy|overly long)\b|更短|太长|短(?:一)?[点些]|别太长|不要太长|[没不](?:那么|太)长|再短|短片(?!子)|短的|短小",
        r"\b(?:longer|longest|lengthier|too short|not long enough|not (?:so|that|too) short)\b|更长|太短|(?<!片)(?<!时)长(?:一)?[点些]|再长",
    ),
    "price": Dimension(
        ("price", "cost", "fee", "tuition", "amount"),
        r"dollars?\b|bucks?\b|usd\b|\$|euros?\b|eur\b|€|pounds?\b|gbp\b|£|yuan\b|rmb\b|cny\b|¥|￥|元|块钱?|美元|美金|欧元|人民币|刀",
        r"\b(?:prices?|priced|costs?|costing|budget|spend|pay)\b|价格|价钱|预算|价位|售价",
        r"\b(?:cheap(?:er|est|ish)?|least expensive|less (?:expensive|pricey|costly|money)|too (?:expensive|pricey|costly|dear|much money)|not (?:so|that|as|too|very) (?:expensive|pricey)|(?:more )?affordable|inexpensive|budget[- ]friendly|low(?:er)?[- ](?:priced?|cost|price point)|lower budget|bargain)\b|便宜|太贵|贵了|实惠|性价比|[没不](?:那么|太)贵|别太贵|不要太贵|平价",
        r"\b(?:(?:more|most) expensive|pricier|dearer|high(?:er)?[- ]end|premium|luxur(?:y|ious)|too cheap|upscale)\b|更贵|贵(?:一)?[点些]|高端|高档|太便宜",
        "most",
    ),
    "pages": Dimension(
        ("pages", "page"), r"pages?\b|页", r"\bpages?\b|页数|厚度",
        r"\b(?:fewer pages|less pages|thinner)\b|更薄|薄(?:一)?[点些]|页数少|太厚", r"\b(?:more pages|thicker)\b|更厚|厚(?:一)?[点些]",
        "most",
    ),
    "rating": Dimension(
        ("rating", "score", "stars", "imdb", "vote", "reviews"), r"stars?\b|星|分(?!钟)|points?\b",
        r"\b(?:rated?|ratings?|scores?|scored|scoring|reviewed|imdb)\b|评分|得分|分数|打分|口碑",
        r"\b(?:worse rated|lower rated)\b|评分(?:更|太)?低",
        r"\b(?:(?:better|higher|highly|well|top|best)[- ](?:rated|reviewed)|(?:better|higher|good|great|high) (?:ratings?|reviews?|scores?))\b|评分(?:更|再|最|比较)?高|高评分|高分|评价(?:更|再)?[好高]|口碑(?:更|再)?好",
        "least",
    ),
    "level": Dimension(
        ("level", "difficulty"), r"(?!)", r"\b(?:level|difficulty)\b|难度|级别",
        r"\b(?:easier|simpler|more basic|less (?:advanced|difficult|hard|challenging)|too (?:hard|difficult|advanced|challenging))\b|更简单|简单(?:一)?[点些]|容易(?:一)?[点些]|太难|难度(?:更|再)?低",
        r"\b(?:harder|more (?:advanced|difficult|challenging)|too (?:easy|basic|simple))\b|更难|难(?:一)?[点些]|太简单|太容易|更高级|难度(?:更|再)?高",
    ),
    "age": Dimension(
        ("age", "min_age"), r"years? olds?\b|岁", r"\bages?\b|年龄", r"(?!)", r"(?!)", "most"
    ),
    "weeks": Dimension(("weeks", "week"), r"weeks?\b|周|个?星期", r"\bweeks?\b", r"(?!)", r"(?!)", "most"),
}  # fmt: skip
_UNITS = "|".join(
    dimension.units for dimension in DIMENSIONS.values() if "(?!)" not in dimension.units
)
_MOST = (
    r"under|below|less than|fewer than|at (?:the )?most|(?:no|not) (?:more|longer|higher|greater|over|above|exceeding)(?: than)?"
    r"|nothing (?:over|above|longer than|more than|beyond)|max(?:imum)?(?: of)?|up to|within|shorter than|cheaper than|lower than"
    r"|smaller than|doesn['’]?t exceed"
)
_ZH_MOST = r"不要?超过|别超过|不能超过|不超出|不多于|不高于|不长于|不大于|少于|低于|小于|短于|最多|至多|顶多|不到|最长|最贵|控制在|≤|<=?"
_LEAST = (
    r"over|above|more than|at least|min(?:imum)?(?: of)?|(?:no|not) (?:less|fewer|shorter|lower|under|below)(?: than)?"
    r"|nothing (?:under|below|shorter than|less than)|longer than|higher than|greater than|pricier than|more expensive than"
)
_ZH_LEAST = r"超过|大于|高于|多于|长于|至少|最少|不少于|不低于|不小于|不短于|起码|最低|≥|>=?"
_ABOUT = r"about|around|roughly|approximately|approx\.?|circa|大约|大概|差不多|约"
_TAIL_MOST = r"or (?:less|under|below|shorter|cheaper|fewer|lower|so at most)|max(?:imum)?\b|tops\b|at most\b|以内|以下|之内|之下|封顶|内"
_TAIL_LEAST = r"or (?:more|above|over|higher|longer|up|better)|and (?:up|above|over|higher)|plus\b|\+|minimum\b|at least\b|以上|之上|往上|起"
_TAIL_ABOUT = r"or so\b|左右|上下"
_SIGN = r"[$€£¥￥]"
_AMOUNT = re.compile(
    rf"(?:(?P<most>\b(?:{_MOST})\b|{_ZH_MOST})|(?P<least>\b(?:{_LEAST})\b|{_ZH_LEAST})"
    rf"|(?P<about>\b(?:{_ABOUT})|大约|大概|差不多|约|~))?\s*(?:about |around |an? (?=\d)|大约|大概)?"
    rf"(?:(?P<from>{_SIGN}?{NUMBER})\s*(?:{_UNITS})?\s*(?:-|–|—|~|to|and|到|至)\s*)?"
    rf"(?P<sign>{_SIGN})?\s*(?P<number>(?<![\d.]){NUMBER})[ -]?\s*(?P<unit>{_UNITS})?"
    rf"(?P<rest>\s*(?:and )?(?:a half|半(?!价)|\d{{1,2}}\s*(?:minutes?|mins?|m|分钟?)))?(?:钱|\s*long\b)?"
    rf"(?:\s*(?:(?P<tmost>{_TAIL_MOST})|(?P<tleast>{_TAIL_LEAST})|(?P<tabout>{_TAIL_ABOUT})))?",
    _I,
)  # fmt: skip
_HOURS = re.compile(r"^(?:hours?|hrs?|h|个?半?小时|个?钟头?)$", _I)
_YEARLY = re.compile(r"^(?:1[89]|20)\d\d$")
_HAVE = re.compile(r"(?:\bhave|\bgot|\bonly|\bfor|有|只有|时间)\W*(?:only |just |about )?$", _I)


class Measures:
    """Reads numbers and shifts against the numeric columns of one catalogue."""

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self.columns: dict[str, str] = {}
        taken: set[str] = set()
        for name, dimension in DIMENSIONS.items():
            column = _column_for(
                dimension, [each for each in attributes.numbers if each not in taken]
            )
            if column is not None:
                self.columns[name] = column
                taken.add(column)
        self._shifts = {
            name: (re.compile(each.lower, _I), re.compile(each.higher, _I))
            for name, each in DIMENSIONS.items()
        }
        self._words = {name: re.compile(each.words, _I) for name, each in DIMENSIONS.items()}
        self._units = {
            name: re.compile(rf"^(?:{each.units})", _I) for name, each in DIMENSIONS.items()
        }

    def read(self, text: str, found: Critique, take: Take) -> None:
        """Note limits and shifts of `text`; what is understood is taken from it."""
        if any(sign.isdigit() for sign in text) or _WORDED_NUMBER.search(text):
            self._amounts(text, found, take)
        for name, (lower, higher) in self._shifts.items():
            column = self._column(name)
            if name == "length" and _OF_LIST.search(text):
                continue
            if name == "level" and column is None:
                continue  # "easier" is a leaning where there is no number for it
            for pattern, direction in ((lower, "lower"), (higher, "higher")):
                match = pattern.search(text)
                if match is None or (column and any(r.column == column for r in found.ranges)):
                    continue
                found.is_comparative |= _COMPARES.search(match.group()) is not None
                if column is None:
                    if name not in found.unstated:
                        found.unstated.append(name)
                else:
                    found.shifts.setdefault(column, direction)  # type: ignore[arg-type]
                take(*match.span())

    def _column(self, name: str) -> str | None:
        if name == "length" and name not in self.columns:
            return self.columns.get("weeks") or self.columns.get("pages")
        return self.columns.get(name)

    def _amounts(self, text: str, found: Critique, take: Take) -> None:
        for match in _AMOUNT.finditer(text):
            name = self._dimension(match, text)
            value = read_number(match["number"])
            if not name or value is None:
                continue
            column = self._column(name)
            if column is None:
                if name not in found.unstated:
                    found.unstated.append(name)
                take(*match.span())
                continue
            limit = self._limit(match, text, name, column, value)
            found.ranges = [each for each in found.ranges if each.column != column]
            found.ranges.append(limit)
            take(*match.span())

    def _dimension(self, match: re.Match[str], text: str) -> str:
        """Which property a number is of; empty where nothing tells."""
        if match["sign"] or ((match["from"] or "")[:1] in "$€£¥￥" and match["from"]):
            return "price"
        if match["unit"]:
            return next(name for name, unit in self._units.items() if unit.match(match["unit"]))
        compared = match["most"] or match["least"] or ""
        for word, name in (
            ("short", "length"),
            ("long", "length"),
            ("cheap", "price"),
            ("expens", "price"),
            ("pric", "price"),
            ("长", "length"),
            ("短", "length"),
            ("贵", "price"),
        ):
            if word in compared.lower():
                return name
        if _YEARLY.match(match["number"]):
            return ""
        before = text[max(0, match.start() - 24) : match.start()]
        beside = (
            re.split(r"[,.;!?，。；！？]", before)[-1]
            + " "
            + text[match.end() : match.end() + 12].split(",")[0]
        )
        return next((name for name, words in self._words.items() if words.search(beside)), "")

    def _limit(
        self, match: re.Match[str], text: str, name: str, column: str, value: float
    ) -> Range:
        value = self._scaled(value, match, name, column)
        kind = next(
            (
                kind
                for kind, groups in (
                    ("most", ("most", "tmost")),
                    ("least", ("least", "tleast")),
                    ("about", ("about", "tabout")),
                )
                if any(match[group] for group in groups)
            ),
            "",
        )
        if (
            match["from"] is not None
            and (first := read_number(match["from"].lstrip("$€£¥￥"))) is not None
        ):
            first = self._scaled(first, match, name, column)
            return Range(column, min(first, value), max(first, value))
        worded_no = re.match(r"no|不|别", match["most"] or match["least"] or "", _I)
        if kind in ("most", "least") and not worded_no and negated(text, match.start()):
            kind = "least" if kind == "most" else "most"
        if not kind:
            kind = DIMENSIONS[name].plain
            if kind == "about" and _HAVE.search(text[: match.start()]):
                kind = "most"
        if kind == "most":
            return Range(column, high=value)
        if kind == "least":
            return Range(column, low=value)
        return Range(column, round(value * 0.9, 2), round(value * 1.1, 2))

    def _scaled(self, value: float, match: re.Match[str], name: str, column: str) -> float:
        """Value in the unit of the column."""
        if name != "length":
            return value
        rest = (match["rest"] or "").strip()
        in_hours = _HOURS.match(match["unit"] or "") is not None
        if "半" in (match["unit"] or ""):
            value += 0.5
        minutes = value * 60 if in_hours else value
        if rest and in_hours:
            number = re.search(r"\d+", rest)
            minutes += float(number.group()) if number else 30
        lowered = column.lower()
        if "hour" in lowered:
            return round(minutes / 60, 3) if match["unit"] else value
        if not in_hours or "min" in lowered or "runtime" in lowered:
            return minutes
        # A column of unnamed unit: small numbers are hours.
        known = self._attributes.numbers[column]
        known = known[np.isfinite(known)]
        return minutes if not known.size or np.median(known) >= 15 else minutes / 60


# A list that is to be shorter is no item that is.
_OF_LIST = re.compile(r"\blists?\b|列表|名单|清单", _I)
_WORDED_NUMBER = re.compile(
    r"\b(?:hours?|minutes?|dollars?|bucks?|weeks?|pages?|stars?)\b|[一二两三四五六七八九十百千半]",
    _I,
)
# Words that hold something against what was shown, as "cheaper" does and "cheap" does not.
_COMPARES = re.compile(r"er\b|more|less|too|更|再|太|[点些]", _I)


def _column_for(dimension: Dimension, columns: Iterable[str]) -> str | None:
    listed = list(columns)
    for word in dimension.columns:
        for column in listed:
            parts = re.split(r"[_\W]+|(?<=[a-z])(?=[A-Z])", column)
            if word in [part.lower() for part in parts] or column.lower() == word:
                return column
    return None
