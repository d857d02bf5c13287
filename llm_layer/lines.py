"""Replies as plain lines, safe to print on a terminal."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_layer.reply import Reply

# Joiners that emoji and some scripts are written with; every other sign of format is dropped.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    r"""The text without what steers a terminal or reorders what is read; line ends stay.

    Examples
    --------
    >>> printable("Heat\x1b[2J \u202e(1995)\r\n")
    'Heat[2J (1995)\n'
    """
    return "".join(map(_shown, text))


def _shown(sign: str) -> str:
    kind = unicodedata.category(sign)
    if sign == "\n" or sign in _JOINERS:
        return sign
    if kind in ("Zl", "Zp") or sign == "\t":
        return " "
    return "" if kind in ("Cc", "Cf", "Cs") else sign


def verdict(reply: Reply) -> str:
    """One line: who wrote a reply, what was checked, how long it took."""
    claims = reply.grounding.claims
    checked = "grounded" if reply.grounding.ok else "NOT grounded"
    parts = [
        f"writer: {reply.writer}" + (f" ({reply.reason})" if reply.reason else ""),
        f"{checked}: {sum(claim.verdict for claim in claims)} of {len(claims)} claims hold",
        f"{reply.timings['total']:.0f} ms",
    ]
    return f"[{' | '.join(parts)}]"
