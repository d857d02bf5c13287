"""Negation in English and Chinese: how far a "no" reaches."""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re

_I = re.IGNORECASE
_CLAUSE_END = re.compile(
    r"[,.;:!?，。；：！？、\n]|(?<!anything )(?<!everything )\bbut\b|但是?|不过|\bmaybe\b|\brather\b"
    r"|\band (?=(?:some|any)thing\b|some\b|an?\b|give\b|show\b|i\b|we\b|he\b|she\b|they\b|my\b|our\b|(?:loves?|likes?|prefers?|adores?)\b|with\b|make\b|more\b|then\b)"
    r"|(?<!not )(?<!n['’]t )\b(?:just|only|instead)\b|只要|只看|而是|(?:演|导演?|拍|写)的(?=[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff]{2})(?<![不可还就要只总又算或若但的都也正真能会该许得])是(?![不说否])|(?<![不想需主重说])要|[以之]外",
    _I,
)
_NEGATION = re.compile(
    r"\b(?:no|not|non|never|without|nothing|none|except|besides|avoid|hate[ds]?|dislike[ds]?|skip"
    r"|cannot|\w+n['’]t|dont|didnt|cant|isnt|anything but|everything but|other than"
    r"|tired of|sick of|fed up with|enough|forget(?: about)?|exclude[ds]?|excluding|leave out|leaving out|left out|cut out|keep out|filter out|omit|ditch|rather not|spare me|minus"
    r"|(?:not|never) in the mood for|stay away from|steer clear of|allergic to|can(?:no|['’]?)t stand|couldn['’]?t stand|no need for|do without|don['’]?t need|instead of|rather than)\b"
    r"|不要|不能|没(?:有)?(?:说|要求|想)(?:过)?要?|不(?:太|怎么|大|是很|是太)?(?:想|看|喜欢|爱)|不是|不像|不用|没有|除了|讨厌|避开|排除|去掉|剔除|拒绝|反感|受不了|不含|不包括|不包含|不考虑|跳过|远离|少来|厌倦|看腻了?|腻了"
    r"|(?<![特类告区分个级差性派鉴])别(?![的人墅致离样])",
    _I,
)
# "not too scary": no more than the next word is meant.
_NARROW_NEGATION = re.compile(
    r"\b(?:not|nothing|isnt|\w+n['’]t(?: be)?) (?:too|very|so|that|all that|overly|really|particularly)\b"
    r"|\bless\b|不(?:要|能|是)?太(?!想|看|喜欢|爱)|别太|[没不]那么|不怎么(?!想|看|喜欢|爱)",
    _I,
)
# What turns down the thing before it: "恐怖片除外".
_NEGATION_BEHIND = re.compile(r"\d{0,4}[^\W\d_a-z]{1,8}?(?:除外|就算了|就免了)", _I)
_IN_A_ROW = re.compile(r"\s*(?:[\w'’-]*\s*\b(?:or|and|nor)\s+|[\u4e00-\u9fff]+[或和、])?", _I)
_NOT_SEEN = (
    r"\b(?:have(?:n['’]?t| not)|has(?:n['’]?t| not)|had(?:n['’]?t| not)|never|did(?:n['’]?t| not))"
    r" (?:\w+ )?(?:seen|watched|saw|tried|heard)\b|(?:还|从)?没有?(?:看|见|听)过"
)
_NO_NEGATION = re.compile(
    r"\bnot (?:only|just|bad)\b|\bwhy not\b|\bno (?:matter|problem)\b|有没有|\bwhy don['’]?t\b"
    r"|\b(?:do|does|did|would)(?:n['’]?t| not) (?:mind|know)\b"
    r"|\b(?:can(?:['’]?t|not)|could(?:n['’]?t| not)|never)(?: ever)? get enough\b"
    r"|\b(?:can(?:['’]?t|not)|could(?:n['’]?t| not))\s*$"
    r"|\b(?:good|funny|long|short|scary|smart|light|dark|old|new|easy) enough\b"
    r"|特别|要不要|想不想|是不是|能不能|" + _NOT_SEEN,
    _I,
)
_NOT_SEEN_BEFORE = re.compile(rf"(?:{_NOT_SEEN})\W*(?:the (?:movie|film)\s+)?$", _I)


def negated(text: str, at: int) -> bool:
    """Whether what stands at `at` lies in the reach of a "no" of its own clause."""
    before = _blanked(_NO_NEGATION, text[:at])
    begin = max((end.end() for end in _CLAUSE_END.finditer(before)), default=0)
    clause = before[begin:]
    for narrow in _NARROW_NEGATION.finditer(clause):
        if _IN_A_ROW.fullmatch(clause[narrow.end() :]):
            return True
    if _NEGATION_BEHIND.match(text, at):
        return True
    return _NEGATION.search(_blanked(_NARROW_NEGATION, clause)) is not None


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: " " * len(match.group()), text)


def not_seen(text: str, start: int) -> bool:
    """Whether the title at `start` is said not to have been seen."""
    return _NOT_SEEN_BEFORE.search(text[:start]) is not None
