"""Words as data: synonyms of genres, moods, and the plain words that state no fact."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def load(name: str) -> Any:
    """Content of a JSON file of this folder; treat it as read-only."""
    return json.loads(resources.files(__name__).joinpath(name).read_text("utf-8"))


@cache
def load_words(name: str) -> frozenset[str]:
    """Words of a text file of this folder, parted by white space; # begins a comment."""
    text = resources.files(__name__).joinpath(name).read_text("utf-8")
    lines = (line.partition("#")[0] for line in text.splitlines())
    return frozenset(word for line in lines for word in line.split())
