"""The model of intents: a table of weights, and the probabilities that it gives."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from llm_layer.intents.features import SIGN_NORM, TEXT_NORM, hashes
from llm_layer.understanding.request import Act
from recsys.errors import InputNotFoundError, ModelFormatError
from recsys.storage import read_tensors, write_tensors

KIND, VERSION = "alsatian-intents", "1"
SHIPPED = Path(__file__).with_name("weights.safetensors")
ACTS: tuple[Act, ...] = get_args(Act)


@dataclass(frozen=True)
class Verdict:
    """What a message most likely is.

    Attributes
    ----------
    act : str
        The likeliest act.
    probability : float
        Its probability, 0 to 1.
    probabilities : dict of str to float
        Of every act that the model knows; they sum to 1.
    """

    act: Act
    probability: float
    probabilities: dict[Act, float]


class IntentModel:
    """Multinomial logistic regression over hashed features.

    Parameters
    ----------
    acts : sequence of str
        Acts that it tells apart, each one of :data:`llm_layer.understanding.request.Act`.
    ids : ndarray of int64, shape (n_features,)
        Hashes of the features that it knows; others count for nothing.
    weights : ndarray, shape (n_features, n_acts)
        Weight of each feature for each act.
    bias : ndarray, shape (n_acts,)
        Weight of each act whatever the message is.
    examples : str
        SHA-256 of the messages that it was trained on.
    """

    def __init__(
        self,
        acts: Iterable[Act],
        ids: np.ndarray[Any, Any],
        weights: np.ndarray[Any, Any],
        bias: np.ndarray[Any, Any],
        examples: str = "",
    ) -> None:
        self.acts = tuple(acts)
        self.examples = examples
        self._rows = {feature: row for row, feature in enumerate(ids.tolist())}
        self._row = self._rows.get
        self._weights = np.ascontiguousarray(weights, np.float32)
        self._bias = np.asarray(bias, np.float32)
        # What holds of messages repeats itself.
        self._of_signs = lru_cache(maxsize=4096)(partial(self._summed, norm=SIGN_NORM))

    def verdict(self, shape: str, signs: Iterable[str] = ()) -> Verdict:
        """What a message is, as :mod:`llm_layer.intents.features` sees it.

        Examples
        --------
        >>> shipped_model().verdict("bye, see you tomorrow").act
        'bye'
        """
        grams, facts = hashes(shape, signs)
        scores = self._bias + self._summed(grams, TEXT_NORM) + self._of_signs(facts)
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        best = int(shares.argmax())
        return Verdict(
            self.acts[best],
            float(shares[best]),
            dict(zip(self.acts, shares.tolist(), strict=True)),
        )

    def _summed(self, found: Collection[int], norm: float) -> np.ndarray[Any, Any]:
        """What some features add to the score of each act."""
        rows = [row for row in map(self._row, found) if row is not None]
        if not rows:
            return np.zeros_like(self._bias)
        summed = self._weights.take(rows, axis=0).sum(axis=0)
        return np.asarray(summed * (norm / len(found) ** 0.5), np.float32)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as a safetensors file, weights in half precision.

        Raises
        ------
        StorageError
            The file cannot be written.
        """
        tensors: dict[str, npt.NDArray[Any]] = {
            "ids": np.fromiter(self._rows, np.int64, len(self._rows)),
            "weights": self._weights.astype(np.float16),
            "bias": self._bias,
        }
        metadata = {
            "kind": KIND,
            "version": VERSION,
            "acts": json.dumps(self.acts),
            "examples": self.examples,
        }
        write_tensors(path, tensors, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> IntentModel:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputNotFoundError
            There is no such file.
        ModelFormatError
            It is damaged, holds something else, or is newer than this version can read.
        """
        file = Path(path)
        if not file.is_file():
            raise InputNotFoundError(
                f"intent weights {file} do not exist; fit them with "
                "python -m llm_layer.intents.train, or install the package anew"
            )
        tensors, metadata = read_tensors(file)
        if metadata.get("kind") != KIND or metadata.get("version") != VERSION:
            found = f"{metadata.get('kind')!r} version {metadata.get('version')!r}"
            raise ModelFormatError(
                f"{file} holds {found}, expected {KIND!r} version {VERSION!r}; "
                "fit it anew with python -m llm_layer.intents.train"
            )
        try:
            acts = tuple(json.loads(metadata["acts"]))
            ids, weights, bias = (tensors[name] for name in ("ids", "weights", "bias"))
            fits = weights.shape == (len(ids), len(acts)) and bias.shape == (len(acts),)
            if not (fits and acts and set(acts) <= set(ACTS) and ids.dtype == np.int64):
                raise ValueError("its arrays do not fit each other")
            if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
                raise ValueError("a weight is not a finite number")
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFormatError(
                f"{file} is damaged ({error}); fit it anew with python -m llm_layer.intents.train"
            ) from error
        return cls(acts, ids, weights, bias, metadata.get("examples", ""))


@cache
def shipped_model() -> IntentModel:
    """The model that comes with the package, read once.

    Raises
    ------
    InputNotFoundError, ModelFormatError
        As :meth:`IntentModel.load`.
    """
    return IntentModel.load(SHIPPED)
