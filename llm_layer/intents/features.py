"""Features of a message: hashed n-grams of its shape, and what was found in it.

English gives words, pairs and triples of words, and letters inside of words, so that a misspelled
word is still near itself; Chinese gives runs of one to three signs. What the reader found (a genre,
an item, a place in the list, what the rules say) comes as signs, alone and in pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

import numpy as np

from llm_layer.understanding.page import ITEM, PERSON, PLACE

# So much of a long message is read: its head and its end say what it is.
_HEAD, _TAIL = 240, 80
_MARKS = {ITEM: " <item> ", PLACE: " <place> ", PERSON: " <person> "}
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(rf"<\w+>|[{_HAN}]|[^\W\d_{_HAN}]+|\d+|[?!]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_LONG = re.compile(r"(.)\1{2,}")
_MOST_LETTERS = 14
_LETTER_GRAMS = (3, 4)

# Weights of the two sorts of features in a vector: each sort has this Euclidean length.
TEXT_NORM, SIGN_NORM = 6.0, 2.0


def features(shape: str, signs: Iterable[str] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Hashed features of a message and their values.

    Parameters
    ----------
    shape : str
        The message; items, places in the list and people may be marks (see
        :mod:`llm_layer.understanding.page`).
    signs : iterable of str
        Names of what holds of it.

    Returns
    -------
    ids : ndarray of int64, shape (n,)
        Hashes below 2^32, each once, in no particular order.
    values : ndarray of float32, shape (n,)
        Their values, positive.

    Examples
    --------
    >>> ids, values = features("another one, please", ["in_talk"])
    >>> ids.shape == values.shape, bool((values > 0).all())
    (True, True)
    """
    grams, facts = hashes(shape, signs)
    ids = np.fromiter((*grams, *facts), np.int64, len(grams) + len(facts))
    values = np.empty(len(ids), np.float32)
    values[: len(grams)] = TEXT_NORM / max(1, len(grams)) ** 0.5
    values[len(grams) :] = SIGN_NORM / max(1, len(facts)) ** 0.5
    return ids, values


def hashes(shape: str, signs: Iterable[str] = ()) -> tuple[set[int], frozenset[int]]:
    """Hashes of the n-grams of a message and of what holds of it, apart from each other."""
    grams = _hashed(text_features(shape))
    facts = _hashed_signs(tuple(sorted(set(signs))))
    return grams, facts if grams.isdisjoint(facts) else facts - grams


@lru_cache(maxsize=4096)
def _hashed_signs(signs: tuple[str, ...]) -> frozenset[int]:
    return frozenset(_hashed(_sign_features(signs)))


def _hashed(names: Iterable[str]) -> set[int]:
    return {crc32(name.encode("utf-8", "ignore")) for name in names}


def plain(shape: str) -> str:
    """A shape in lower case with words for its marks, cut to what is read of it."""
    if len(shape) > _HEAD + _TAIL:
        shape = f"{shape[:_HEAD]} {shape[-_TAIL:]}"
    text = shape.lower().replace("’", "'").replace("'", "")
    for mark, word in _MARKS.items():
        if mark in text:
            text = text.replace(mark, word)
    return _LONG.sub(r"\1\1", text)


def text_features(shape: str) -> list[str]:
    """Names of the n-grams of a shape, with repetitions."""
    text = plain(shape)
    tokens = ["^", *("0" if token[0].isdigit() else token for token in _TOKEN.findall(text)), "$"]
    found = tokens[1:-1]
    found += [f"{first} {second}" for first, second in pairwise(tokens)]
    found += [f"{tokens[at]} {tokens[at + 1]} {tokens[at + 2]}" for at in range(len(tokens) - 2)]
    for word in _LETTERS.findall(text):
        if word.isascii() and len(word) > 2:
            edged = f"_{word[:_MOST_LETTERS]}_"
            found += [
                "~" + edged[at : at + length]
                for length in _LETTER_GRAMS
                for at in range(len(edged) - length + 1)
            ]
    return found


def _sign_features(signs: Sequence[str]) -> list[str]:
    single = [f"={sign}" for sign in signs]
    pairs = [f"={first}&{second}" for at, first in enumerate(signs) for second in signs[at + 1 :]]
    return ["=", *single, *pairs]
