"""The surface of a reply: signs that cannot be seen, markup, links, telephone numbers."""

from __future__ import annotations

import re
import unicodedata

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.checking.claims import BLANK, Reading
from llm_layer.checking.columns import Columns
from llm_layer.checking.figures import scope
from llm_layer.text import LINK, has_unseen

_PHONE = re.compile(r"(?<![\w.])\+?\(?\d[\d\s().-]{6,}\d(?!\w)")
# Signs that a reply may have beside letters and digits; a title may have others.
_SIGNS = frozenset(" \n.,;:!?…'’“”\"«»「」《》()（）、，。；：！？-–—%&·" + BLANK)
_QUOTES = frozenset('“”"«»「」《》')
_APOSTROPHE = re.compile(r"(?<![^\W\d_])['’]|(?<![sS])['’](?![^\W\d_])")


def unseen(reading: Reading) -> None:
    """Signs that hide, reorder or steer are a violation wherever they stand."""
    for name in sorted({_name(sign) for sign in reading.text if has_unseen(sign)}):
        reading.claim("sign", name, False, "reply")


def links(reading: Reading, facts: ItemFacts, columns: Columns) -> None:
    """A link, an address or a telephone number has to be the item's own in the catalogue."""
    for start, end, row in list(reading.places):
        if found := LINK.search(reading.text, start, end):
            own = any(found.group() in facts.cell(name, row) for name in columns.links)
            if "://" in found.group() or "@" in found.group() or own:
                items = facts.items([row])
                reading.claim("link", found.group(), own, "catalogue", "title", items)
    for pattern in (LINK, _PHONE):
        for match in list(pattern.finditer(reading.left)):
            said = match.group().rstrip(".,;:!?。，；：！？)）")
            if pattern is _PHONE and sum(sign.isdigit() for sign in said) < 7:
                continue
            start, end = match.start(), match.start() + len(said)
            reading.blank(start, end)
            rows = scope(reading, start, end).rows
            named = [
                name for name in (*columns.links, *columns.texts) if _has(facts, name, rows, said)
            ]
            items = facts.items(rows)
            reading.claim("link", said, bool(named), "catalogue", ", ".join(named), items)


def _has(facts: ItemFacts, column: str, rows: tuple[int, ...], said: str) -> bool:
    return bool(rows) and all(said in facts.cell(column, row) for row in rows)


def signs(reading: Reading, emoji: bool) -> None:
    """Whatever is left may have no markup and no quotation mark without a title."""
    odd = {
        sign
        for sign in reading.left
        if not sign.isalnum() and sign not in _SIGNS and not (emoji and is_emoji(sign))
    }
    odd |= set(reading.left) & _QUOTES
    odd |= set(_APOSTROPHE.findall(reading.left))
    for sign in sorted(odd):
        reading.claim("sign", sign, False, "reply")


def is_emoji(sign: str) -> bool:
    """Whether a sign is an emoji, or belongs to one."""
    return (
        unicodedata.category(sign) == "So"
        or sign in "\ufe0f\u200d"
        or 0x1F3FB <= ord(sign) <= 0x1F3FF
    )


def _name(sign: str) -> str:
    return f"U+{ord(sign):04X} {unicodedata.name(sign, 'control')}"
