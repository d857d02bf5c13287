"""A catalogue that is known by heart, and a language model that plays a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from llm_layer.llm.base import Completion, Message

# id, title, year, genres, director, actors
FILMS = [
    (10, "Heat (1995)", 1995, ["Crime", "Thriller"], "Michael Mann", "Al Pacino, Robert De Niro"),
    (11, "Matrix, The (1999)", 1999, ["Action", "Sci-Fi"], "Lana Wachowski", "Keanu Reeves"),
    (12, "Toy Story (1995)", 1995, ["Animation", "Comedy"], "John Lasseter", "Tom Hanks"),
    (13, "Fargo (1996)", 1996, ["Comedy", "Crime"], "Joel Coen", "Frances McDormand"),
    (14, "Big Lebowski, The (1998)", 1998, ["Comedy"], "Joel Coen", "Jeff Bridges"),
    (15, "Alien (1979)", 1979, ["Horror", "Sci-Fi"], "Ridley Scott", "Sigourney Weaver"),
    (16, "Blade Runner (1982)", 1982, ["Sci-Fi"], "Ridley Scott", "Harrison Ford"),
    (17, "High Noon (1952)", 1952, ["Western"], "Fred Zinnemann", "Gary Cooper"),
    (18, "Unforgiven (1992)", 1992, ["Western"], "Clint Eastwood", "Clint Eastwood"),
    (19, "Casablanca (1942)", 1942, ["Drama", "Romance"], "Michael Curtiz", "Humphrey Bogart"),
    (20, "Titanic (1997)", 1997, ["Drama", "Romance"], "James Cameron", "Kate Winslet"),
    (21, "Sabrina (1995)", 1995, ["Comedy", "Romance"], "Sydney Pollack", "Harrison Ford"),
    (22, "Sabrina (1954)", 1954, ["Comedy", "Romance"], "Billy Wilder", "Humphrey Bogart"),
    (23, "Postino, Il (The Postman) (1994)", 1994, ["Drama", "Romance"], "Michael Radford", ""),
    (24, "Airplane! (1980)", 1980, ["Comedy"], "Jim Abrahams", "Leslie Nielsen"),
    (25, "Shining, The (1980)", 1980, ["Horror"], "Stanley Kubrick", "Jack Nicholson"),
    (26, "Splash (1984)", 1984, ["Comedy", "Romance"], "Ron Howard", "Tom Hanks"),
    (27, "Night (1990)", 1990, ["Drama"], "", ""),
    (28, "Big Night (1996)", 1996, ["Drama"], "Stanley Tucci", "Stanley Tucci"),
    (29, "Nowhere Place (0)", None, [], None, None),
]


def film_table(films: Sequence[tuple[Any, ...]] = FILMS) -> pa.Table:
    columns = list(zip(*films, strict=True))
    names = ["item_id", "title", "year", "genres", "director", "actors"]
    return pa.table(dict(zip(names, map(list, columns), strict=True)))


# Titles, years and names that a catalogue may hold and that no reply may stumble over.
HOSTILE = [
    (1, "Night”\n2. “Zulu Dawn", 1990, ["Drama"], "McG", None),
    (2, "The “Best” Film", 1991, ["Drama"], "", None),
    (3, "《英雄》特别版", 2002, ["Drama"], "张艺谋", None),
    (4, "???", 1993, ["Drama"], "Cher", None),
    (5, "🎬", 1994, ["Drama"], "Maria de los Angeles Garcia Lopez Perez", None),
    (6, "Minus", -5, ["Comedy"], "Sting", None),
    (7, "今晚", 1996, ["Comedy"], "", None),
    (8, "电影", 1997, ["Comedy"], "", None),
    (9, "You Are Welcome", 1998, ["Comedy"], "", None),
    (10, "   ", 1999, ["Comedy"], "", None),
    (11, "Would You Like", 20000, ["Comedy"], "", None),
    (12, "What would you like tonight?", 1999, [], "", None),
    (13, "1. “", 1999, [], "", None),
    (14, "Hello", 1999, ["Comedy"], "Will", None),
    (15, "Twins", 1988, ["Comedy"], "Cher", None),
    (16, "Twins", 1988, ["Comedy"], "Cher", None),
    (17, "\u202eReversed\x1b[31m", 1988, ["Comedy"], "Cher", None),
]


def row_of(item: int) -> int:
    return [film[0] for film in FILMS].index(item)


@dataclass
class ScriptedLLM:
    """Answers with what it was given, one after the other, and records what it was asked.

    An answer is a text, or an error to raise; the last one is repeated.
    """

    answers: Sequence[str | Exception]
    languages: frozenset[str] | None = None
    constrained: bool = False
    name: str = "scripted"
    asked: list[list[Message]] = field(default_factory=list)
    grammars: list[str | None] = field(default_factory=list)

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 96,
        temperature: float = 0.4,
        seed: int = 0,
        grammar: str | None = None,
        timeout: float = 20.0,
    ) -> Completion:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(list(messages))
        self.grammars.append(grammar)
        if isinstance(answer, Exception):
            raise answer
        return Completion(answer, "stop", 1, 1, 0.1)
