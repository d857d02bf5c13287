"""Other languages: told from their letters, or from the small words that every sentence has."""

from __future__ import annotations

import re

from llm_layer.lexicon import load_words
from llm_layer.text import words

# Letters of languages that are not understood: kana, Hangul, Cyrillic, Arabic, Hebrew, Thai, Greek,
# Devanagari.
_OTHER_LETTERS = re.compile(
    r"[\u3040-\u30ff\uac00-\ud7af\u0400-\u04ff\u0600-\u06ff\u0590-\u05ff\u0e00-\u0e7f"
    r"\u0370-\u03ff\u0900-\u097f]"
)
# Small words of French, German, Spanish, Italian, Portuguese, Dutch that English lacks.
_SMALL = load_words("foreign_small_words.txt")
_ENGLISH = load_words("english_small_words.txt")
_GREETINGS = frozenset(
    ["bonjour", "salut", "hola", "hallo", "ciao", "merci", "danke", "gracias", "grazie", "obrigado"]
)


def is_foreign(text: str) -> bool:
    """Whether a message, its titles taken out, is neither English nor Chinese.

    Examples
    --------
    >>> is_foreign("je cherche un film drôle"), is_foreign("コメディ映画"), is_foreign("a film")
    (True, True, False)
    """
    letters = sum(sign.isalpha() for sign in text)
    if letters and len(_OTHER_LETTERS.findall(text)) * 3 > letters:
        return True
    listed = [word.form for word in words(text) if word.form.isascii() and word.form.isalpha()]
    if not listed:
        return False
    foreign = sum(form in _SMALL for form in listed)
    english = sum(form in _ENGLISH or form in load_words("stop_words.txt") for form in listed)
    if foreign and all(form in _GREETINGS for form in listed):
        return True
    return foreign >= 2 and foreign > english
