"""Likeness: which policy a message resembles, learned from examples of such messages.

Phrases find what was foreseen. Examples generalize: a linear classifier over hashed n-grams weighs
every word and run of letters of a message. It is fitted when a domain is put over a catalogue, in
closed form and without chance, so that whoever runs an assistant writes nothing but messages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from llm_layer.intents.features import features
from llm_layer.intents.messages import read_messages, shipped_files

_Floats = npt.NDArray[np.float64]
# Added to the weight of every feature in every class (Lidstone).
_SMOOTHING = 0.05
# Share of the ordinary messages learned from that all policies together may take for their own; most
# of those that a domain gives are as near to its policies as ordinary messages come.
FALSE_ALARMS, URGENT_FALSE_ALARMS = 0.04, 0.12
# Acts of shipped messages that a policy may well answer.
_UNSURE_ACTS = frozenset({"ask", "out_of_scope"})


class Likeness:
    """Tells which policy a message resembles, if any.

    Complement naive Bayes with squared inverse document frequencies and messages of unit length
    (after Rennie, Shih, Teevan and Karger, "Tackling the Poor Assumptions of Naive Bayes Text
    Classifiers", ICML 2003). A policy is met where its log odds against an ordinary message exceed
    a threshold, chosen by how ordinary messages score that are left out one at a time.

    Parameters
    ----------
    examples : mapping of str to sequence of str
        Messages that meet a policy, by its name.
    ordinary : sequence of str
        Messages that meet none.
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
        messages = [*ordinary, *(each for listed in examples.values() for each in listed)]
        classes = np.repeat(
            np.arange(len(examples) + 1), [len(ordinary), *map(len, examples.values())]
        )
        rows = [_ids(message) for message in messages]
        listed, columns = np.unique(np.concatenate(rows), return_inverse=True)
        counts = np.bincount(columns, minlength=len(listed))
        self._rarity = (1 + np.log((len(rows) + 1) / (counts + 1))) ** 2
        self._column = {feature: at for at, feature in enumerate(listed.tolist())}
        ends = np.cumsum([0, *map(len, rows)])
        table = sp.csr_matrix(
            (self._rarity[columns], columns, ends), shape=(len(rows), len(listed))
        )
        table = _unit(table)
        members = sp.csr_matrix((np.ones(len(rows)), (classes, np.arange(len(rows)))))
        mass = np.asarray((members @ table).todense())
        weights = _complement(mass)
        self._weights = np.ascontiguousarray((weights[1:] - weights[0]).T, np.float32)
        alone = _left_out(table[: len(ordinary)], mass, counts)
        self._thresholds = _thresholds(alone, [name in urgent for name in self.policies])

    def policy(self, message: str) -> str:
        """Name of the policy that a message resembles; empty where it resembles none."""
        return self.verdict(message)[0]

    def verdict(self, message: str) -> tuple[str, bool]:
        """The policy that a message resembles, and whether it could be an ordinary one.

        Returns
        -------
        policy : str
            Its name; empty where it resembles none.
        is_ordinary : bool
            It resembles ordinary messages more than those of any policy.
        """
        margins = self.margins(message)
        excess = margins - self._thresholds
        best = int(excess.argmax())
        return (self.policies[best] if excess[best] > 0 else ""), bool(margins.max() < 0)

    def margins(self, message: str) -> npt.NDArray[np.float32]:
        """Log odds of each policy against an ordinary message: float32, shape (n_policies,)."""
        get = self._column.get
        found = [at for each in _ids(message).tolist() if (at := get(each)) is not None]
        values = self._rarity[found]
        length = float(np.sqrt(values @ values)) or 1.0
        margins: npt.NDArray[np.float32] = (values / length) @ self._weights[found]
        return margins


@lru_cache(maxsize=64)
def likeness_of(
    examples: tuple[tuple[str, tuple[str, ...]], ...],
    ordinary: tuple[str, ...],
    urgent: frozenset[str],
) -> Likeness:
    """A `Likeness` that also knows the ordinary messages that come along; kept by its content."""
    own = {message for _, listed in examples for message in listed}
    others = [each for each in shipped_ordinary() if each not in own]
    return Likeness(dict(examples), [*ordinary, *others], urgent)


@cache
def shipped_ordinary() -> tuple[str, ...]:
    """Requests to an assistant that meet no policy of any domain."""
    messages = read_messages(shipped_files())
    return tuple(dict.fromkeys(each.text for each in messages if each.act not in _UNSURE_ACTS))


@lru_cache(maxsize=1 << 14)
def _ids(message: str) -> npt.NDArray[np.int64]:
    return np.sort(features(message)[0])


def _unit(table: sp.csr_matrix) -> sp.csr_matrix:
    """Rows of Euclidean length 1."""
    rows = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
    lengths = np.sqrt(np.bincount(rows, table.data**2, minlength=table.shape[0]))
    values = table.data / np.maximum(lengths, 1e-12)[rows]
    return sp.csr_matrix((values, table.indices, table.indptr), shape=table.shape)


def _complement(mass: _Floats) -> _Floats:
    """Log odds of each feature in a class against all others; both of shape (n_classes, n)."""
    others = mass.sum(axis=0) - mass
    return _log_shares(mass, mass.sum(axis=1)[:, None]) - _log_shares(
        others, others.sum(axis=1)[:, None]
    )


def _log_shares(mass: _Floats, total: _Floats | float, n: int = 0) -> _Floats:
    shares: _Floats = np.log(mass + _SMOOTHING) - np.log(total + _SMOOTHING * (n or mass.shape[-1]))
    return shares


def _left_out(table: sp.csr_matrix, mass: _Floats, counts: npt.NDArray[np.int64]) -> _Floats:
    """Margins of ordinary messages, each scored as though it had not been learned from.

    Parameters
    ----------
    table : csr_matrix of float, shape (n_ordinary, n_features)
        The messages, which make up the first class.
    mass : ndarray of float, shape (n_classes, n_features)
        Summed rows of each class.
    counts : ndarray of int, shape (n_features,)
        In how many messages a feature occurs.

    Returns
    -------
    ndarray of float, shape (n_ordinary, n_classes - 1)
    """
    n = mass.shape[1]
    shared = table.copy()
    shared.data[counts[table.indices] == 1] = 0.0  # unknown without this message
    values = _unit(shared).data
    lengths = np.asarray(table.sum(axis=1)).ravel()
    of_row = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
    own, length = table.data, lengths[of_row]
    here = mass[:, table.indices]
    others = mass.sum(axis=0)[table.indices] - here
    totals = mass.sum(axis=1)
    rest = totals.sum() - totals
    ordinary = _log_shares(here[0] - own, totals[0] - length, n) - _log_shares(
        others[0], float(rest[0]), n
    )
    margins = np.empty((table.shape[0], len(mass) - 1))
    for at in range(1, len(mass)):
        weights = _log_shares(here[at], float(totals[at]), n) - _log_shares(
            others[at] - own, rest[at] - length, n
        )
        margins[:, at - 1] = np.bincount(
            of_row, values * (weights - ordinary), minlength=table.shape[0]
        )
    return margins


def _thresholds(margins: _Floats, urgent: Sequence[bool]) -> _Floats:
    """Least margin at which each policy is met, from the margins of ordinary messages."""
    allowed = np.where(urgent, URGENT_FALSE_ALARMS, FALSE_ALARMS) / max(1, margins.shape[1])
    chosen = [
        np.quantile(column, 1 - share) for column, share in zip(margins.T, allowed, strict=True)
    ]
    return np.maximum(chosen, 0.0)
