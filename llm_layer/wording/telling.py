"""What somebody stated of themselves, told back to them in sentences that the check knows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llm_layer.memory.evidence import Entry
from llm_layer.text import Language, unquoted
from llm_layer.wording.pieces import Wording

# So many facts, and genres of either kind, make a reply; all of them are in the listing.
_FACTS, _GENRES = 3, 4
# A fact that is no single clause would read as a sentence of our own.
_CLAUSE = re.compile(r"[^.!?。！？；;:：\n\"“”《》]{1,40}")


def told_back(entries: Sequence[Entry], wording: Wording, language: Language) -> str:
    """Sentences about facts, and genres liked and disliked; empty where there is nothing to say.

    Parameters
    ----------
    entries : sequence of Entry
        Those that hold, the latest first.
    wording : Wording
        Names the genres.
    language : {"en", "zh"}
        Of the sentences.
    """
    zh = language == "zh"
    known = [entry for entry in entries if entry.source == "stated"]
    facts = [str(entry.value) for entry in known if entry.kind == "fact" and entry.strength > 0]
    whole = [unquoted(fact) for fact in facts if _CLAUSE.fullmatch(fact)][:_FACTS]
    parts = [f"你告诉过我：{fact}。" if zh else f"You told me: {fact}." for fact in whole]
    for likes in (True, False):
        genres = [
            str(entry.value)
            for entry in known
            if entry.kind == "genre" and (entry.strength > 0) == likes
        ][:_GENRES]
        if genres:
            names = wording.genres(tuple(genres), language)
            verb = ("喜欢" if likes else "不喜欢") if zh else ("like" if likes else "do not like")
            parts.append(f"你说过你{verb}{names}。" if zh else f"You said you {verb} {names}.")
    return ("" if zh else " ").join(parts)
