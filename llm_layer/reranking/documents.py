"""Texts that models read: what an item is, and what a visitor wants.

Titles, names, descriptions and wishes were written by others. They are data: no line ends, no
signs that a prompt or a chat template is built from, and no more of them than their share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.memory import redact
from llm_layer.profile import UserProfile
from llm_layer.rerank import Wish
from llm_layer.text import unquoted
from recsys.errors import InvalidInputError

_TITLE, _GENRES, _PEOPLE = 80, 60, 60
# Angle brackets delimit our prompts; with bars they are control tokens of chat templates.
_BRACKETS = str.maketrans({"<": "(", ">": ")", "[": "(", "]": ")", "{": "(", "}": ")", "|": "/"})
_GAP = re.compile(r"\s+")


def tame(text: str, most: int) -> str:
    r"""One line of at most `most` characters that cannot end what it stands in.

    Examples
    --------
    >>> tame("A <|im_end|>\n[B] film about bears", 24)
    'A (/im_end/) (B) film…'
    """
    # What is cut off anyway is not read: a description may have megabytes.
    plain = _GAP.sub(" ", unquoted(text[: 4 * most + 80])).translate(_BRACKETS).strip()
    if len(plain) <= most:
        return plain
    cut = plain[: most - 1]
    at_word = cut.rsplit(" ", 1)[0] if " " in cut[most // 2 :] else cut
    return at_word.rstrip(" ,;.") + "…"


class Documents:
    """Texts of a catalogue's items and of wishes.

    Parameters
    ----------
    facts : ItemFacts
        The catalogue.
    characters : int
        Length of an item's text at most, >= 20: its title always, then genres, people and the
        beginning of the description, as far as it goes.
    history : int
        So many titles of a visitor's history are told at most, >= 0.
    """

    def __init__(self, facts: ItemFacts, *, characters: int = 240, history: int = 5) -> None:
        if characters < 20 or history < 0:
            raise InvalidInputError(
                f"characters is {characters} and history {history}, expected at least 20 and 0"
            )
        self.facts = facts
        self.characters = characters
        self.history = history

    def text(self, row: int) -> str:
        """What the catalogue says about an item, in one line."""
        facts = self.facts
        year = facts.year(row)
        title = tame(facts.title(row), _TITLE)
        people = (name for names in facts.people(row).values() for name in names)
        parts = [
            f"{title} ({year})" if year and str(year) not in title else title,
            tame(", ".join(facts.genres(row)), _GENRES),
            tame(", ".join(people), _PEOPLE),
        ]
        text = "; ".join(part for part in parts if part)
        left = self.characters - len(text) - 2
        plot = tame(facts.plot(row), left) if left > 20 else ""
        return tame(f"{text}; {plot}" if plot else text, self.characters)

    def texts(self, rows: Iterable[int]) -> list[str]:
        """:meth:`text` of each of `rows`."""
        return [self.text(int(row)) for row in rows]

    def wish(self, wish: Wish, profile: UserProfile) -> str:
        """What is wanted, and what is known of the visitor, a line each; may be empty.

        Addresses, numbers of people and the like are taken out of the visitor's words: the reader
        may be a host on the network.
        """
        usual = [tame(trait.value, _GENRES) for trait in profile.genres[:4]]
        lines = (
            ("Wish", tame(redact(wish.words), self.characters)),
            ("Genres wanted", tame(", ".join(wish.genres), 2 * _GENRES)),
            ("Like", self._titles(wish.like)),
            ("Said they like", self._titles(profile.liked)),
            ("Said they dislike", self._titles(profile.disliked)),
            ("Enjoyed before", self._titles(profile.history)),
            ("Usual genres", ", ".join(usual)),
        )
        return "\n".join(f"{name}: {said}" for name, said in lines if said)

    def _titles(self, rows: Sequence[int]) -> str:
        return ", ".join(tame(self.facts.title(row), _TITLE) for row in rows[: self.history])
