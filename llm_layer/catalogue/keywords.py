"""The catalogue's texts as bags of words: TF-IDF weights, and a vector for each word.

A word's vector e_w is the mean of the sentence vectors of the items that have it, by TF-IDF. So a
visitor's words have a place among the items without an encoder: u = Σ f_w e_w.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.lexicon import load_words

# Words of more items than this share tell nothing, words of a single item no taste.
_USUAL, _RARE = 0.4, 2
_MOST_WORDS = 20_000
_SHORTEST = 4
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Keywords:
    """Bags of words of all items.

    Attributes
    ----------
    words : tuple of str
        The vocabulary: lower case, no accents; two signs each for Chinese.
    weights : csr_matrix, shape (n_items, n_words)
        TF-IDF, rows of length 1; float32.
    vectors : float32 array, shape (n_items, d), or None
        The items' sentence vectors.
    """

    words: tuple[str, ...]
    weights: sp.csr_matrix
    vectors: npt.NDArray[np.float32] | None = None

    @classmethod
    def of(cls, facts: ItemFacts) -> Keywords:
        """Read the texts of a catalogue: its descriptions, else the columns that describe items.

        Words that would tell of somebody's health, faith, origin or sexuality are left out: that
        is nobody's to infer from what they chose.
        """
        bags = [Counter(terms(text)) for text in facts.texts()]
        met = Counter(word for bag in bags for word in bag)
        usual = _USUAL * max(1, len(bags))
        names = {name.lower() for name in facts.genre_names}
        names |= load_words("sensitive_words.txt")
        kept = [
            word
            for word, count in met.most_common()
            if count >= _RARE and (count <= usual or count <= _RARE) and word not in names
        ][:_MOST_WORDS]
        place = {word: at for at, word in enumerate(kept)}
        rows, columns, counts = [], [], []
        for row, bag in enumerate(bags):
            for word, count in bag.items():
                if word in place:
                    rows.append(row)
                    columns.append(place[word])
                    counts.append(count)
        idf = np.log(len(bags) / np.array([met[word] for word in kept], np.float64))
        values = (1 + np.log(np.array(counts, np.float64))) * idf[np.array(columns, np.int64)]
        matrix = sp.csr_matrix((values, (rows, columns)), (len(bags), len(kept)), dtype=np.float32)
        lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return cls(tuple(kept), sp.csr_matrix(sp.diags(scale) @ matrix), facts.vectors)

    def of_rows(self, rows: npt.NDArray[np.int64], given: Floats) -> Floats:
        """How much more of each word some items have than the catalogue's mean item: (n_words,).

        Each item counts what is `given`; words that are no more frequent in them have 0 or less.
        """
        return np.asarray(self.weights[rows].T @ given - given.sum() * self._mean, np.float64)

    def of_text(self, text: str) -> dict[int, float]:
        """Codes of the words of a text, and their weights as in an item that has one of each."""
        codes = [self._place[term] for term in terms(text) if term in self._place]
        return {code: float(self._typical[code]) for code in codes}

    def counts(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Of how many of the items each word is: (n_words,)."""
        return np.bincount(self.weights[rows].indices, minlength=len(self.words))

    def having(self, rows: npt.NDArray[np.int64], code: int) -> npt.NDArray[np.bool_]:
        """Which of the items have a word: bool, shape (len(rows),)."""
        column = self._columns
        found = column.indices[column.indptr[code] : column.indptr[code + 1]]
        return np.isin(rows, found)

    def embedding(self, weight: Floats) -> npt.NDArray[np.float32] | None:
        """Sum Σ f_w e_w for word weights f, of length 1; None without vectors or weights."""
        used = np.flatnonzero(weight)
        if self.vectors is None or not used.size:
            return None
        vector = weight[used] @ self._word_vectors[used]
        length = float(np.linalg.norm(vector))
        return np.asarray(vector / length, np.float32) if length > 0 else None

    @cached_property
    def _place(self) -> dict[str, int]:
        return {word: at for at, word in enumerate(self.words)}

    @cached_property
    def _columns(self) -> sp.csc_matrix:
        return self.weights.tocsc()

    @cached_property
    def _mean(self) -> Floats:
        """Mean weight of each word over all items."""
        return np.asarray(self.weights.mean(axis=0), np.float64).ravel()

    @cached_property
    def _typical(self) -> Floats:
        """Mean weight of each word in the items that have it."""
        met = np.bincount(self.weights.indices, minlength=len(self.words))
        return np.asarray(self.weights.sum(axis=0)).ravel() / np.maximum(met, 1)

    @cached_property
    def _word_vectors(self) -> npt.NDArray[Any]:
        """e_w, of length 1: float32, shape (n_words, d)."""
        assert self.vectors is not None
        summed = np.asarray(self.weights.T @ self.vectors, np.float32)
        lengths = np.linalg.norm(summed, axis=1, keepdims=True)
        vectors: npt.NDArray[Any] = np.divide(
            summed, lengths, out=np.zeros_like(summed), where=lengths > 0
        )
        return vectors


def terms(text: str) -> Iterator[str]:
    """Words of a text that may say what it is about.

    Examples
    --------
    >>> list(terms("A café in Paris, 黑色电影"))
    ['cafe', 'paris', '黑色', '色电', '电影']
    """
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign))
    stop = load_words("stop_words.txt")
    for match in _WORD.finditer(plain):
        word = match.group().removesuffix("'s").removesuffix("’s")
        if _HAN.search(word):
            for run in _HAN.findall(word):
                yield from (run[at : at + 2] for at in range(len(run) - 1))
        elif len(word) >= _SHORTEST and word not in stop:
            yield word
