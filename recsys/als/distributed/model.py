"""``DistributedALS``: the model whose training runs on a Ray cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from recsys.als import cpu
from recsys.als.config import whole_number
from recsys.als.distributed.blocks import BlockSolver, Half, Shelf
from recsys.als.engine import TRANSPOSED
from recsys.als.model import AlternatingLeastSquares
from recsys.als.ways import Size
from recsys.cluster import RETRIES, Cluster, Need, connected
from recsys.errors import InvalidInputError


class DistributedALS(AlternatingLeastSquares):
    """:class:`recsys.als.AlternatingLeastSquares` whose ``fit`` runs on a Ray cluster.

    All else is inherited: what it has learned is an ordinary model, asked and saved as any other,
    and :meth:`recsys.Recommender.fit` takes it as its `model`. Every setting that works on a
    processor works here, and so do callbacks, validation and checkpoints.

    Parameters
    ----------
    *settings, **named_settings
        As of :class:`recsys.als.AlternatingLeastSquares`. `num_threads` are the processors that
        the task of a block takes; 0 for all of the smallest machine that has any.
    address : str, optional
        Of the cluster; see :func:`recsys.cluster.connected`.
    blocks : int, optional
        Into how many blocks each side is cut, >= 1; by default as many as the cluster solves at
        once when training starts.
    retries : int
        How often a block is solved again after its process or its machine died, >= 0.
    reduce_gramians : bool
        Have each block compute its part of the Gramian, instead of the driver all of it: for many
        machines, where a driver that goes over each side once in a sweep holds them up.

    Notes
    -----
    Rows do not depend on the block they are in, and each half-sweep is given one Gramian: from the
    same seed, any cluster comes to the factors of one machine of its kind, bit for bit, whether
    some of it dies or not. Two things round otherwise. ``"subspace"`` with factors read in 16 bits
    does in blocks that have fewer entries than the side that is held has rows: 10 sweeps over
    160,000 to 300,000 entries, in 20 and 64 blocks, ended at an objective within 2e-7 of one
    machine's, relative, and at factors within 3e-4 of the largest. With `reduce_gramians` the sum
    over a side is taken in another order: within 1e-5 in float32 (1e-4 where factors are read in 16
    bits) and 1e-11 in float64, again of the objective after 10 sweeps.

    In memory, the driver's process holds what training on one machine would: the matrix, both sides
    of factors and, while it is cut, the transpose. The object store of its machine holds 16 bytes
    an entry and both sides of factors (Ray spills to disk what does not fit), that of every other
    machine the entries of its blocks and both sides. A task's process adds the rows of a block and,
    where factors are read in 16 bits, half of the side that is held. An object store that is too
    small for it all spills, which made sweeps four times as long. Over the network, each machine
    receives the side that was solved, once in each half-sweep, and sends the rows that it solves.

    Examples
    --------
    >>> model = DistributedALS(factors=16, iterations=5, random_state=1, address="auto", blocks=8)
    >>> model.factors, model.blocks
    (16, 8)
    """

    def __init__(
        self,
        *settings: Any,
        address: str | None = None,
        blocks: int | None = None,
        retries: int = RETRIES,
        reduce_gramians: bool = False,
        **named_settings: Any,
    ) -> None:
        super().__init__(*settings, **named_settings)
        self.address = address
        self.blocks = None if blocks is None else whole_number("blocks", blocks, 1)
        self.retries = whole_number("retries", retries, 0)
        self.reduce_gramians = bool(reduce_gramians)
        self._cluster: Cluster | None = None

    def fit(self, user_items: csr_matrix, *arguments: Any, **options: Any) -> None:
        """Learn factors of users and items on the cluster.

        Parameters
        ----------
        user_items : csr_matrix, shape (n_users, n_items)
            Confidences.
        *arguments, **options
            As of :meth:`recsys.als.AlternatingLeastSquares.fit`.

        Raises
        ------
        MissingExtraError
            Ray is not installed.
        ClusterError
            The cluster cannot be reached, has no room for a task, or lost a block too often. The
            factors are then those reached so far.
        InvalidInputError
            As of :meth:`recsys.als.AlternatingLeastSquares.fit`, or `device` is a card.
        """
        if self.device != "cpu":
            raise InvalidInputError(
                f"device is {self.device!r}, but blocks are solved on processors; use device='cpu' "
                "here, or AlternatingLeastSquares for a card"
            )
        with connected(self.address) as self._cluster:
            try:
                super().fit(user_items, *arguments, **options)
            finally:
                self._cluster = None

    def _solvers(self, csr: csr_matrix, rows: cpu.SparseRows) -> tuple[BlockSolver, BlockSolver]:
        """Cut both orientations of the matrix and put the blocks into the object store."""
        cluster = self._cluster
        assert cluster is not None
        need = Need(self.num_threads or cluster.smallest_cpus())
        count = self.blocks or cluster.slots(need)
        config = replace(self.config, num_threads=need.cpus)
        users = Half(Size(csr.shape[0], rows.entries), config, "user_items")
        items = Half(Size(csr.shape[1], rows.entries), config.of_items(), TRANSPOSED)
        shelf = Shelf(cluster)

        def solver(entries: Any, half: Half, other: Half) -> BlockSolver:
            after = other if self.reduce_gramians else None
            return BlockSolver(cluster, need, self.retries, shelf, entries, half, after, count)

        by_user = (csr.indptr.astype(np.int64, copy=False), csr.indices, csr.data)
        solve_users = solver(by_user, users, items)
        solve_items = solver(rows.transposed(self.num_threads), items, users)
        solve_users.other, solve_items.other = solve_items, solve_users
        return solve_users, solve_items
