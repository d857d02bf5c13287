"""Confidences that depend on how active a user and how popular an item is."""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import csr_matrix

from recsys.als.sparse import canonical_csr
from recsys.errors import InvalidInputError


def damped_confidence(
    user_items: csr_matrix, *, user_exponent: float = 0.0, item_exponent: float = 0.0
) -> csr_matrix:
    """Scale each value by the frequencies of its user and its item.

    The value v of a pair becomes ``c v n_u^-p n_i^-q``, where n_u and n_i count the entries of its
    row and column and c keeps the mean absolute value. With exponents above 0 heavy users and
    popular items weigh less in the loss; p = q = 1/2 is the symmetric normalization of LightGCN
    (He et al. 2020, eq. 3) and GF-CF (Shen et al. 2021), applied to confidences.

    Parameters
    ----------
    user_items : csr_matrix, shape (n_users, n_items)
        Confidences, as for :meth:`recsys.als.AlternatingLeastSquares.fit`; not changed.
    user_exponent, item_exponent : float
        p and q, finite; below 0 to weigh the frequent more.

    Returns
    -------
    csr_matrix of float32, shape (n_users, n_items)
        The same entries in the same order.

    Raises
    ------
    InvalidInputError
        Not a sparse matrix of numbers, or an exponent that is not a finite number, or so large that
        values overflow.

    Examples
    --------
    >>> likes = csr_matrix([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    >>> print(damped_confidence(likes, item_exponent=0.5).toarray().round(2))
    [[0.83 1.67]
     [0.83 0.  ]
     [0.83 0.  ]
     [0.83 0.  ]]
    """
    for name, value in (("user_exponent", user_exponent), ("item_exponent", item_exponent)):
        if not isinstance(value, int | float | np.number) or not math.isfinite(value):
            raise InvalidInputError(f"{name} is {value!r}, expected a finite number")
    csr = canonical_csr(user_items, "user_items")
    entries = np.diff(csr.indptr)
    received = np.bincount(csr.indices, minlength=csr.shape[1])
    # In logarithms, and relative to the largest: no power overflows on the way.
    of_users = np.log(np.maximum(entries, 1)) * -float(user_exponent)
    of_items = np.log(np.maximum(received, 1)) * -float(item_exponent)
    logarithm = np.repeat(of_users, entries) + of_items[csr.indices]
    scale = np.exp(logarithm - logarithm.max(initial=-np.inf)) if csr.nnz else logarithm
    values = csr.data.astype(np.float64)
    before, after = np.abs(values).sum(), np.abs(values * scale).sum()
    damped = values * scale * (before / after if after else 1.0)
    with np.errstate(over="ignore"):
        data = damped.astype(np.float32)
    if not np.array_equal(np.isfinite(data), np.isfinite(csr.data)):
        raise InvalidInputError(
            f"user_exponent {user_exponent} and item_exponent {item_exponent} make values "
            "overflow, expected exponents nearer to 0"
        )
    return csr_matrix((data, csr.indices, csr.indptr), shape=csr.shape)
