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
_SMALL = frozenset(
    ["je", "tu", "il", "elle", "nous", "vous", "ils", "une", "des", "les", "est", "sont", "avec", "pour", "dans", "sur", "pas", "veux", "voudrais", "cherche", "quel", "quelle", "quels", "moi", "mon", "ma", "mes", "plus", "aussi", "bonjour", "salut", "merci", "du", "et", "ou", "mais", "film", "comme", "ich", "du", "er", "wir", "ihr", "sie", "ist", "sind", "mit", "fur", "und", "oder", "nicht", "kein", "keine", "ein", "eine", "einen", "einem", "der", "das", "den", "dem", "mir", "mich", "bitte", "suche", "mochte", "gibt", "zeig", "etwas", "lustig", "hallo", "danke", "guten", "auf", "von", "wie", "yo", "ella", "nosotros", "una", "unos", "los", "las", "el", "es", "son", "con", "para", "por", "que", "quiero", "busco", "pelicula", "peliculas", "algo", "mi", "hola", "gracias", "buenos", "como", "pero", "muy", "io", "lui", "noi", "voi", "gli", "della", "del", "di", "che", "sono", "vorrei", "cerco", "qualcosa", "ciao", "grazie", "buongiorno", "non", "un", "eu", "ele", "nos", "uma", "os", "da", "do", "em", "nao", "quero", "procuro", "filme", "filmes", "obrigado", "ola", "com", "ik", "jij", "wij", "het", "een", "van", "voor", "niet", "graag", "wil", "zoek", "iets", "dank", "hoi"]
) - frozenset(("do", "film", "es", "den", "son", "it", "me", "con", "pas", "des", "da", "el"))
_ENGLISH = frozenset(
    ["the", "a", "an", "and", "or", "of", "to", "in", "is", "are", "was", "for", "with", "from", "on", "at", "by", "me", "my", "i", "you", "it", "that", "this", "not", "no", "like", "something", "some", "any", "please", "more", "what", "who", "show", "give", "want", "about", "films", "film", "movie", "movies", "good", "one", "do", "can", "have", "but", "older", "newer"]
)
_GREETINGS = frozenset(["bonjour", "salut", "hola", "hallo", "ciao", "merci", "danke", "gracias", "grazie", "obrigado"])


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
