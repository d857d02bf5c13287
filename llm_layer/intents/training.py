"""Training of the model of intents with scikit-learn, which prediction does not need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from llm_layer.intents.features import features
from llm_layer.intents.model import IntentModel
from llm_layer.understanding.request import Act
from recsys.errors import InvalidInputError, MissingExtraError

# Inverse strength of the penalty on the weights; so many features at most are kept, and only those
# that occur in so many examples.
PENALTY, MOST_FEATURES, LEAST_EXAMPLES = 3.0, 10_000, 2
# Tolerance of the fit that only says which features these are.
_ROUGHLY = 1e-2


@dataclass(frozen=True)
class Example:
    """A message as the model sees it, and its act.

    Attributes
    ----------
    shape : str
        Its words, with marks for what was found.
    signs : tuple of str
        What holds of it.
    act : str
        What it does.
    """

    shape: str
    signs: tuple[str, ...]
    act: Act


def matrix(
    examples: Iterable[Example], ids: np.ndarray[Any, Any] | None = None
) -> tuple[sp.csr_matrix, np.ndarray[Any, Any]]:
    """Features of some examples, one row each, and the hashes of the columns.

    Parameters
    ----------
    examples : iterable of Example
        What to turn into rows.
    ids : ndarray of int64, optional
        Hashes of the columns; by default those that occur in `LEAST_EXAMPLES` at least.
    """
    rows = [features(example.shape, example.signs) for example in examples]
    if ids is None:
        listed, counts = np.unique(np.concatenate([row for row, _ in rows]), return_counts=True)
        ids = listed[counts >= LEAST_EXAMPLES]
    column = {feature: at for at, feature in enumerate(ids.tolist())}
    indices: list[int] = []
    data: list[float] = []
    ends = [0]
    for row, values in rows:
        for feature, value in zip(row.tolist(), values.tolist(), strict=True):
            if feature in column:
                indices.append(column[feature])
                data.append(value)
        ends.append(len(indices))
    shape = (len(rows), len(ids))
    return sp.csr_matrix((np.array(data, np.float32), indices, ends), shape=shape), ids


def fit(examples: Sequence[Example], digest: str = "", penalty: float = PENALTY) -> IntentModel:
    """Fit the model.

    Parameters
    ----------
    examples : sequence of Example
        At least two acts.
    digest : str
        SHA-256 of the messages, kept with the weights.
    penalty : float
        Inverse strength of the L2 penalty on the weights; above 0.

    Raises
    ------
    InvalidInputError
        The examples hold fewer than two acts.
    MissingExtraError
        scikit-learn is not installed.
    """
    acts = sorted({example.act for example in examples})
    if len(acts) < 2:
        raise InvalidInputError(
            f"the messages hold {len(acts)} acts, expected two at least; add messages of others"
        )
    wanted = [example.act for example in examples]
    table, ids = matrix(examples)
    if len(ids) > MOST_FEATURES:  # those that say most stay
        fitted = classifier(penalty, _ROUGHLY).fit(table, wanted)
        used = np.asarray(table.power(2).sum(axis=0)).ravel()
        said = np.linalg.norm(fitted.coef_, axis=0) * np.sqrt(used)
        kept = np.sort(np.argsort(-said, kind="stable")[:MOST_FEATURES])
        table, ids = table[:, kept], ids[kept]
    fitted = classifier(penalty).fit(table, wanted)
    weights, bias = fitted.coef_.T, fitted.intercept_
    if len(acts) == 2:  # scikit-learn then fits one column of log odds
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.array([-bias[0], bias[0]]) / 2
    return IntentModel(acts, ids, weights, bias, digest)


def classifier(penalty: float = PENALTY, tolerance: float = 1e-5) -> Any:
    """The unfitted scikit-learn model whose weights an `IntentModel` holds."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtraError(
            "training needs scikit-learn, which is not installed; run pip install 'alsatian[llm]'"
        ) from error
    return LogisticRegression(C=penalty, max_iter=500, tol=tolerance)
