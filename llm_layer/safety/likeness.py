"""Likeness: which policy a message resembles, learned from examples of such messages.

Phrases find what was foreseen. Examples generalize: a linear classifier over hashed n-grams weighs
every word and run of letters of a message. It is fitted when a domain is put over a catalogue,
quickly and without chance, so that whoever runs an assistant writes nothing but messages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from llm_layer.intents.features import features
from llm_layer.intents.messages import read_messages, shipped_files

_Floats = npt.NDArray[np.float32]
# Share of the ordinary messages learned from that all policies together may take for their own;
# most of those that a domain gives are as near to its policies as ordinary messages come.
FALSE_ALARMS, URGENT_FALSE_ALARMS = 0.03, 0.1
# Penalty on the weights, and steps of the solver.
PENALTY, STEPS = 0.3, 10
# A policy is met by so much at least above what a message scores of which no word is known.
_LEAST = 0.1
# Acts of shipped messages that a policy may well answer.
_UNSURE_ACTS = frozenset({"ask", "out_of_scope"})


class Likeness:
    """Tells which policy a message resembles, if any.

    Regularized least squares, one against all (Rifkin, Yeo and Poggio, "Regularized Least-Squares
    Classification", 2003), over n-grams weighed by inverse document frequency, messages of unit
    length. A policy is met where its score exceeds that of an ordinary message by a threshold,
    chosen by how ordinary messages score that were not learned from.

    Parameters
    ----------
    examples : mapping of str to sequence of str
        Messages that meet a policy, by its name.
    ordinary : sequence of str
        Messages that meet none, at least one.
    urgent : collection of str
        Policies that would rather answer once too often than once too seldom.

    Examples
    --------
    >>> likeness = Likeness(
    ...     {"refund": ["I want my money back", "can I return these shoes?", "refund please"]},
    ...     ["I want red shoes", "shoes for running please", "can I see others?", "cheaper"],
    ... )
    >>> likeness.policy("how do I return the shoes and get my money"), likeness.policy("blue shoes")
    ('refund', '')
    """

    def __init__(
        self,
        examples: Mapping[str, Sequence[str]],
        ordinary: Sequence[str],
        urgent: Collection[str] = (),
    ) -> None:
        self.policies = tuple(examples)
        lists = [ordinary, *examples.values()]
        classes = np.repeat(np.arange(len(lists)), [len(listed) for listed in lists])
        rows = [_ids(message) for listed in lists for message in listed]
        listed, columns = np.unique(np.concatenate(rows), return_inverse=True)
        counts = np.bincount(columns, minlength=len(listed))
        rarity = (1 + np.log((len(rows) + 1) / (counts + 1))).astype(np.float32)
        ends = np.cumsum([0, *map(len, rows)])
        table = _unit(sp.csr_matrix((rarity[columns], columns, ends)))
        weights, bias = _fit(table, classes, len(lists))
        allowed = [URGENT_FALSE_ALARMS if name in urgent else FALSE_ALARMS for name in examples]
        self._bias = bias
        self._thresholds = np.maximum(
            _thresholds(table, classes, np.array(allowed) / max(1, len(allowed))),
            bias + _LEAST,
        )
        self._column = dict(zip(listed.tolist(), range(len(listed)), strict=True))
        # What a feature adds to each margin, and to the square of a message's length.
        self._added = np.column_stack((rarity[:, None] * weights, rarity**2))

    def policy(self, message: str) -> str:
        """Name of the policy that a message resembles; empty where it resembles none."""
        return self.verdict(message)[0]

    def verdict(self, message: str) -> tuple[str, bool]:
        """The policy that a message resembles, and whether it clearly resembles none.

        Returns
        -------
        policy : str
            Its name; empty where it resembles none.
        is_ordinary : bool
            Its words speak against every policy: it scores less than words that are unknown.
        """
        margins = self.margins(message)
        excess = margins - self._thresholds
        best = int(excess.argmax())
        return (self.policies[best] if excess[best] > 0 else ""), bool((margins < self._bias).all())

    def margins(self, message: str) -> _Floats:
        """By how much each policy's score exceeds that of an ordinary message.

        Returns
        -------
        ndarray of float32, shape (n_policies,)
            Mostly between -1 and 1.
        """
        get = self._column.get
        known = [at for each in features(message)[0].tolist() if (at := get(each)) is not None]
        added = self._added[known].sum(axis=0)
        margins: _Floats = added[:-1] / max(float(added[-1]), 1e-12) ** 0.5 + self._bias
        return margins


@lru_cache(maxsize=64)
def likeness_of(
    examples: tuple[tuple[str, tuple[str, ...]], ...],
    ordinary: tuple[str, ...],
    urgent: frozenset[str],
) -> Likeness:
    """A `Likeness` that also knows the ordinary messages that come along; kept by its content."""
    own = {message for _, listed in examples for message in listed} | set(ordinary)
    others = [each for each in shipped_ordinary() if each not in own]
    return Likeness(dict(examples), [*ordinary, *others], urgent)


@cache
def shipped_ordinary() -> tuple[str, ...]:
    """Requests to an assistant that meet no policy of any domain."""
    messages = read_messages(shipped_files())
    return tuple(dict.fromkeys(each.text for each in messages if each.act not in _UNSURE_ACTS))


@lru_cache(maxsize=1 << 14)  # of messages learned from, never of a visitor's
def _ids(message: str) -> npt.NDArray[np.int64]:
    return np.sort(features(message)[0])


def _unit(table: sp.csr_matrix) -> sp.csr_matrix:
    """Rows of Euclidean length 1."""
    rows = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
    lengths = np.sqrt(np.bincount(rows, table.data**2, minlength=table.shape[0]))
    values = table.data / np.maximum(lengths, 1e-12)[rows].astype(np.float32)
    return sp.csr_matrix((values, table.indices, table.indptr), shape=table.shape)


def _fit(
    table: sp.csr_matrix, classes: npt.NDArray[np.int64], n_classes: int
) -> tuple[_Floats, _Floats]:
    """Weights and bias of each class but the first, against the first.

    Solves ``(X X' + penalty) A = Y`` for all classes at once by conjugate gradients, columns of `Y`
    centred; the weights are ``X' A``.

    Parameters
    ----------
    table : csr_matrix of float32, shape (n_messages, n_features)
        X.
    classes : ndarray of int64, shape (n_messages,)
        Of each message, 0 for an ordinary one.
    n_classes : int
        How many there are.

    Returns
    -------
    weights : ndarray of float32, shape (n_features, n_classes - 1)
    bias : ndarray of float32, shape (n_classes - 1,)
    """
    wanted = np.eye(n_classes, dtype=np.float32)[classes]
    means = wanted.mean(axis=0)
    transposed = table.T.tocsr()
    left = wanted - means
    found, step = np.zeros_like(left), left.copy()
    norms = (left * left).sum(axis=0)
    for _ in range(STEPS):
        moved = table @ (transposed @ step) + PENALTY * step
        lengths = norms / np.maximum((step * moved).sum(axis=0), 1e-12)
        found += lengths * step
        left -= lengths * moved
        before, norms = norms, (left * left).sum(axis=0)
        step = left + norms / np.maximum(before, 1e-12) * step
    weights = np.asarray(transposed @ found)
    return weights[:, 1:] - weights[:, :1], means[1:] - means[0]


def _thresholds(
    table: sp.csr_matrix, classes: npt.NDArray[np.int64], allowed: npt.NDArray[np.float64]
) -> _Floats:
    """Least margin at which each policy is met: one half of the messages scores the other."""
    learned = np.arange(len(classes)) % 2 == 0
    weights, bias = _fit(table[learned], classes[learned], len(allowed) + 1)
    others = table[~learned & (classes == 0)]
    if not others.shape[0]:
        return np.zeros(len(allowed), np.float32)
    margins = (others @ weights + bias).T
    chosen = [np.quantile(row, 1 - share) for row, share in zip(margins, allowed, strict=True)]
    return np.asarray(chosen, np.float32)
