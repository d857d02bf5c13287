"""Recommender: the whole pipeline over outside ids."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys import model_folder
from recsys.als import AlternatingLeastSquares
from recsys.catalogue import Catalogue, catalogue_of
from recsys.content import Content, ContentEncoder, encode_items, predict_factors
from recsys.errors import InvalidInputError
from recsys.explaining import Explainer, Explanation
from recsys.foldin import Systems, check_model
from recsys.forgetting import Receipt, forget_everywhere, steady
from recsys.histories import (
    checked_user_rows,
    history_of,
    history_table,
    liked_by_visitor,
    marked,
    widened,
)
from recsys.ids import IdMap, Ids
from recsys.interactions import Interactions
from recsys.lists import Lists, listed, make_lists
from recsys.retrieval import ExactIndex, Hits, Index, IndexKind, make_index
from recsys.retrieval.base import check_count
from recsys.retrieval.tuning import a_sample, check_recall
from recsys.rules import Prepared, Rule, prepare
from recsys.rules.picking import pick
from recsys.rules.searching import Block
from recsys.rules.shortage import reasons
from recsys.similarity import directions, most_like

Floats: TypeAlias = npt.NDArray[np.float32]
Rows: TypeAlias = npt.NDArray[np.int64]


class Recommender:
    """Factors, retrieval, content and rules behind outside ids.

    Build one with :meth:`fit` or :meth:`load`.

    Attributes
    ----------
    interactions : Interactions
        What the model was fitted on; also each user's history.
    model : AlternatingLeastSquares
        The fitted model, over the items that occur in the interactions.
    items : IdMap
        Every item that can be recommended: those of the interactions first, then the cold ones.
    item_factors : numpy.ndarray
        float32, shape (n_items, f): learned for the former, predicted from text for the latter.
    catalogue : Catalogue or None
        Attributes of the items.
    content : Content or None
        Sentence vectors of the items.
    index : Index
        Where the search runs.
    num_threads : int
        Threads of each search; 0, the default, for every processor this process may use.
    folder : Path or None
        Where it was saved to or loaded from last.
    edition : int
        Grows when a user is forgotten; odd while that is under way.
    """

    def __init__(
        self,
        interactions: Interactions,
        model: AlternatingLeastSquares,
        *,
        items: IdMap,
        cold_factors: Floats,
        index: Index | IndexKind = "auto",
        recall: float = 0.99,
        catalogue: Catalogue | None = None,
        content: Content | None = None,
        fingerprint: str = "",
    ) -> None:
        self.interactions = interactions
        check_model(model)
        self.model = model
        self.items = items
        self.catalogue = catalogue
        self.content = content
        self.fingerprint = fingerprint
        self.folder: Path | None = None
        self.edition = 0
        self.cold_factors = cold_factors
        self.num_threads = 0
        learned = np.asarray(model.item_factors, np.float32)
        self.item_factors = (
            np.concatenate([learned, cold_factors]) if len(cold_factors) else learned
        )
        self.index = (
            make_index(
                self.item_factors, index, recall=recall, queries=a_sample(model.user_factors)
            )
            if isinstance(index, str)
            else index
        )

    @property
    def users(self) -> IdMap:
        """Users the model knows."""
        return self.interactions.users

    def __repr__(self) -> str:
        cold = len(self.cold_factors)
        return (
            f"Recommender({len(self.users):,} users, {len(self.items):,} items ({cold:,} cold), "
            f"{self.item_factors.shape[1]} factors, {self.index.kind} index)"
        )

    @classmethod
    def fit(
        cls,
        events: Interactions,
        *,
        items: Any = None,
        item_id: str = "item_id",
        item_text: Sequence[str] = (),
        roles: dict[str, str] | None = None,
        model: AlternatingLeastSquares | None = None,
        index: IndexKind = "auto",
        recall: float = 0.99,
        encoder: ContentEncoder | None = None,
        show_progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        resume: bool = False,
    ) -> Recommender:
        """Learn factors and prepare everything that answers need.

        After the sweeps each user's factor is solved once more, exactly. So a score is exactly the
        sum of what :meth:`explain` shows, and a visitor with the same history as a user gets the
        same list.

        Parameters
        ----------
        events : Interactions
            What happened.
        items : data frame, optional
            Item table (anything with ``__arrow_c_stream__``). Items in it that occur in no
            interaction are recommendable too if `item_text` is given.
        item_id : str
            Its id column.
        item_text : sequence of str
            Columns whose text describes an item; needs the ``llm`` extra.
        roles : dict, optional
            Which columns play title, year, genres, where their names do not tell.
        model : AlternatingLeastSquares, optional
            With the settings to use; the default settings otherwise. It is fitted in place.
        index : {"auto", "exact", "flat", "hnsw", "ivf", "ivfpq"}
            Where the search runs: see :func:`recsys.retrieval.make_index`.
        recall : float
            Share of the exact lists wanted of an approximate index, in (0, 1]. It is tuned on a
            sample of the users; ``index.recall_`` tells what was measured.
        encoder : ContentEncoder, optional
            Sentence vectors; the packaged MiniLM otherwise.
        show_progress : bool
            Show a progress bar on a terminal.
        checkpoint, checkpoint_every, resume
            Keep the state of the training in a folder, and go on from it: see
            :meth:`recsys.als.AlternatingLeastSquares.fit`.

        Raises
        ------
        InvalidInputError
            A column is missing, ids do not fit, or `item_text` is given without `items`.
        CapacityError
            The factors do not fit into memory.
        """
        if items is None and item_text:
            raise InvalidInputError("item_text is given without items; pass the item table too")
        if index not in get_args(IndexKind):
            raise InvalidInputError(
                f"index kind is {index!r}, expected one of {', '.join(get_args(IndexKind))}"
            )
        check_recall(recall)
        model = model if model is not None else AlternatingLeastSquares()
        check_model(model)  # before it is trained
        catalogue, everything = None, events.items
        if items is not None:
            catalogue, everything = catalogue_of(
                items, item_id, events.items, roles=roles, text=item_text
            )
        model.fit(
            events.matrix,
            show_progress=show_progress,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            resume=resume,
        )
        model.refine_users(events.matrix)
        content = None
        cold = np.empty((0, model.item_factors.shape[1]), np.float32)
        if catalogue is not None and item_text:
            content = encode_items(catalogue.texts(), encoder or ContentEncoder())
            learned = np.asarray(model.item_factors, np.float32)
            cold = predict_factors(content.item_vectors, learned, events.item_counts())
        return cls(
            events,
            model,
            items=everything,
            cold_factors=cold,
            index=index,
            recall=recall,
            catalogue=catalogue,
            content=content,
        )

    @steady
    def recommend(
        self,
        users: Ids,
        n: int = 10,
        exclude_seen: bool = True,
        rules: Sequence[Rule] | Prepared = (),
    ) -> pa.Table:
        """The best `n` items for each of `users`.

        Parameters
        ----------
        users : sequence of ids
            Known users.
        n : int
            At most so many items for each, >= 1; fewer where fewer remain.
        exclude_seen : bool
            Leave out what a user has interacted with.
        rules : sequence of Rule, or Prepared
            Of :mod:`recsys.rules`: allow and deny, for everyone or for single users, conditions,
            boosts, quotas, diversity; applied inside the search. Rules that are used often are
            made ready once by :func:`recsys.rules.prepare`.

        Returns
        -------
        pyarrow.Table
            user_id, item_id (types of the input), rank (int32, from 1), score (float32); users in
            the order given, items best first (under Diversify, in the order of the list).

        Raises
        ------
        UnknownIdError
            A user, or a user or an item of a rule, is unknown.
        InvalidInputError
            A rule does not fit the model.
        """
        lists = self.lists(self.users.rows(users), n, exclude_seen, rules)
        return lists.table.select(["user_id", "item_id", "rank", "score"])

    def lists(
        self,
        rows: Rows,
        n: int = 10,
        exclude_seen: bool = True,
        rules: Sequence[Rule] | Prepared = (),
    ) -> Lists:
        """The best `n` items for each of the user `rows`, where they come from, and what is short.

        Parameters
        ----------
        rows : int64 array, shape (q,)
            User rows, each in [0, n_users).
        n, exclude_seen, rules
            As for :meth:`recommend`; rules may be prepared, see :func:`recsys.rules.prepare`.

        Returns
        -------
        Lists
            Two tables.

        Raises
        ------
        UnknownIdError
            An item or user of a rule is unknown.
        InvalidInputError
            A row or `n` out of range, or a rule that does not fit the model.
        """
        n = check_count(n)
        rows = checked_user_rows(rows, len(self.users))
        prepared = prepare(rules, self, contradictions="report")
        seen = None
        if exclude_seen:
            seen = widened(self.interactions.matrix[rows], len(self.items))
        queries = np.asarray(self.model.user_factors[rows], np.float32)
        block = Block(queries, seen, rows, self.num_threads)
        hits, found = pick(self, prepared, block, n)
        return make_lists(self, rows, hits, reasons(prepared, block, hits.counts, found, n), n)

    def recommend_from(
        self,
        items: Ids,
        n: int = 10,
        weights: Sequence[float] | None = None,
        exclude_seen: bool = True,
        rules: Sequence[Rule] | Prepared = (),
    ) -> pa.Table:
        """The best `n` items for a visitor who likes `items`, by fold-in.

        Returns
        -------
        pyarrow.Table
            item_id, rank (int32, from 1), score (float32).
        """
        hits = self.search(
            self.fold_in(items, weights), n, exclude=[items] if exclude_seen else None, rules=rules
        )
        return listed(self, hits)[1]

    def search(
        self,
        vectors: npt.ArrayLike,
        n: int,
        *,
        exclude: Sequence[Ids] | None = None,
        rules: Sequence[Rule] | Prepared = (),
    ) -> Hits:
        """The best `n` item rows for vectors in the space of the factors.

        Parameters
        ----------
        vectors : float32 array, shape (q, f) or (f,)
            User vectors, steered ones too.
        n : int
            At most so many for each, >= 1; the hits are min(n, n_items) wide.
        exclude : sequence of q lists of item ids, optional
            Items to leave out for each vector.
        rules : sequence of Rule, or Prepared
            Applied to all; none may be about single users.
        """
        queries = np.atleast_2d(np.asarray(vectors, np.float32))
        excluded = None
        if exclude is not None:
            if len(exclude) != len(queries):
                raise InvalidInputError(
                    f"exclude has {len(exclude)} lists for {len(queries)} vectors; give one each"
                )
            lines = [np.unique(self.items.rows(line)) for line in exclude]
            excluded = marked(lines, len(self.items))
        prepared = prepare(rules, self, contradictions="report")
        block = Block(queries, excluded, None, self.num_threads)
        return pick(self, prepared, block, check_count(n))[0]

    def similar_items(
        self, item: Any, n: int = 10, *, by: Literal["factors", "content"] = "factors"
    ) -> pa.Table:
        """The `n` items most like `item`, by cosine of factors (or of sentence vectors).

        Returns
        -------
        pyarrow.Table
            item_id, rank (int32, from 1), score (float32, cosine in [−1, 1]); without `item`.
        """
        row = int(self.items.rows([item])[0])
        if by not in ("factors", "content"):
            raise InvalidInputError(f"by is {by!r}, expected 'factors' or 'content'")
        if by == "content" and self.content is None:
            raise InvalidInputError("this model has no content vectors; fit with item_text=[...]")
        index = self._factor_directions if by == "factors" else self._content_directions
        return listed(self, most_like(index, row, n))[1]

    @steady
    def explain(self, user: Any, item: Any, n: int = 10) -> Explanation:
        """What each item of a user's history contributes to the score of `item`.

        Parameters
        ----------
        user, item : Any
            Known outside ids.
        n : int
            The largest `n` contributions are listed; all of them sum to the score.
        """
        return self.explainer(user).explain(item, n)

    def explain_from(
        self, items: Ids, item: Any, weights: Sequence[float] | None = None, n: int = 10
    ) -> Explanation:
        """As :meth:`explain`, for a visitor who likes `items`; the explanation's user is None."""
        return self.explainer_from(items, weights).explain(item, n)

    def explainer(self, user: Any) -> Explainer:
        """What explains several scores of one user: their system is solved once."""
        rows, weights = history_of(self.interactions, int(self.users.rows([user])[0]))
        return Explainer(self, user, rows, weights, self._systems.of(rows, weights))

    def explainer_from(self, items: Ids, weights: Sequence[float] | None = None) -> Explainer:
        """As :meth:`explainer`, for a visitor who likes `items`."""
        rows, given = liked_by_visitor(self.items, items, weights)
        return Explainer(self, None, rows, given, self._systems.of(rows, given))

    def user_vector(self, user: Any) -> Floats:
        """Factor of a known user: float32, shape (f,)."""
        row = int(self.users.rows([user])[0])
        return np.array(self.model.user_factors[row], np.float32)

    def fold_in(
        self,
        items: Ids,
        weights: Sequence[float] | None = None,
        *,
        rejected: Ids = (),
        rejection: float = 0.5,
    ) -> Floats:
        """Factor of a visitor who likes `items`: float32, shape (f,).

        Parameters
        ----------
        items : sequence of ids
            At least one; cold items count through the factors predicted for them.
        weights : sequence of float, optional
            As in the interactions, each finite and > 0; 1 each by default.
        rejected : sequence of ids
            What they turned down: as an item that they did not choose, but weighing `rejection`
            instead of the model's ``unobserved_weight``, where that is less. What is among `items`
            too counts as liked.
        rejection : float
            Weight of each of those, finite and > 0.
        """
        rows, given = liked_by_visitor(self.items, items, weights)
        if not len(rejected):
            return self._systems.of(rows, given).factor().astype(np.float32)
        if not 0 < rejection < np.inf:
            raise InvalidInputError(f"rejection is {rejection!r}, expected a finite number > 0")
        against = np.setdiff1d(self.items.rows(rejected), rows)
        return self._systems.of(rows, given, against, rejection).factor().astype(np.float32)

    @steady
    def history(self, user: Any) -> pa.Table:
        """What a user has interacted with, newest first (heaviest first where times are unknown).

        Returns
        -------
        pyarrow.Table
            item_id, weight (float32) and, where known, timestamp (int64).
        """
        return history_table(self.interactions, int(self.users.rows([user])[0]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model folder: manifest, safetensors and Parquet, each file checksummed.

        A model that already lies there is replaced as a whole, at the moment its manifest is
        renamed; a process that has it open keeps what it mapped.
        """
        self.fingerprint = model_folder.save(self, Path(path))
        self.folder = Path(path).absolute()

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], mmap: bool = True, *, verify: bool = True
    ) -> Recommender:
        """Open a model folder.

        Parameters
        ----------
        path : path-like
            Written by :meth:`save`.
        mmap : bool
            Map the arrays, so that processes share them, instead of reading them.
        verify : bool
            Compare checksums, which reads every byte once.

        Raises
        ------
        InputNotFoundError
            There is no model.
        ModelFormatError
            It is damaged, or of a newer format.
        """
        opened = model_folder.load(cls, Path(path), mmap=mmap, verify=verify)
        opened.folder = Path(path).absolute()
        return opened

    def forget(self, user: Any, *, lists: Sequence[str | os.PathLike[str]] = ()) -> Receipt:
        """Remove a user here and in the folder that it was saved to or loaded from.

        Their id, interactions and factor go; everybody else's recommendations stay the same, bit
        for bit. Other threads may go on recommending meanwhile, but for :meth:`lists` and
        :meth:`search` with row numbers, which change.

        Parameters
        ----------
        user : Any
            Outside id; one that is not known is no error.
        lists : sequence of path-like or str
            Outputs of batch jobs to remove the user's rows from; others are not searched.

        Returns
        -------
        Receipt
            What was removed where; it does not hold the id. What a folder refuses is in
            ``remains``.
        """
        return forget_everywhere(self, user, tuple(lists))

    @cached_property
    def _systems(self) -> Systems:
        return Systems(self.model, self.item_factors)

    @cached_property
    def _factor_directions(self) -> ExactIndex:
        return directions(self.item_factors)

    @cached_property
    def _content_directions(self) -> ExactIndex:
        assert self.content is not None
        return directions(self.content.item_vectors)
