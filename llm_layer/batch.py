"""Texts for the lists of a batch job: a checked reply for each user."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from llm_layer.cli import language_model
from llm_layer.concierge import Concierge

if TYPE_CHECKING:
    from llm_layer.llm.base import LLM
    from llm_layer.reply import Reply
    from recsys.lists import Lists
    from recsys.recommender import Recommender

# Requests to the language model at a time: an endpoint puts them into one batch. One that works
# for fewer is asked by fewer: nobody is there to be told that it is busy.
_AT_A_TIME = 8
_TIMEOUT = 20.0


def make_writer(recommender: Recommender, llm: str) -> ListWriter:
    """Return a writer; found through the entry-point group ``alsatian.writers``.

    Parameters
    ----------
    recommender : Recommender
        With an item table.
    llm : str
        As for ``alsatian chat``: ``embedded``, ``none``, the path of a ``.gguf`` file, or a URL,
        with the name of the model after ``#``; its key is in ``OPENAI_API_KEY``.

    Raises
    ------
    InvalidInputError
        There is no item table, or `llm` is none of these.
    """
    url, _, model = llm.partition("#")
    found = language_model(url, model, os.environ.get("OPENAI_API_KEY"), _TIMEOUT)
    return ListWriter(recommender, found)


class ListWriter:
    """Writes a text for each user about the first items of its list.

    Every text passes the same check as the replies of a conversation: it names only items of the
    list, and states only what the catalogue and the user's history support. What the language
    model cannot word so is worded by a template.

    Parameters
    ----------
    recommender : Recommender
        With an item table.
    llm : LLM or None
        None: templates only.
    """

    def __init__(self, recommender: Recommender, llm: LLM | None) -> None:
        self._concierge = Concierge(recommender, llm, timeout=_TIMEOUT)
        self._at_a_time = min(_AT_A_TIME, getattr(llm, "parallel", _AT_A_TIME))

    def __call__(self, lists: Lists) -> pa.Table:
        """Return user_id, text and writer ("llm" or "template") of each user who has a list."""
        first = np.flatnonzero(lists.table.column("rank").to_numpy() == 1)
        users = lists.table.column("user_id").take(pa.array(first))
        items = [
            lists.table.column("item_id").slice(start, stop - start).to_pylist()
            for start, stop in zip(first, [*first[1:], lists.table.num_rows], strict=True)
        ]
        with ThreadPoolExecutor(self._at_a_time) as pool:
            replies: list[Reply] = list(
                pool.map(self._concierge.introduce, users.to_pylist(), items)
            )
        return pa.table(
            {
                "user_id": users,
                "text": pa.array([reply.text for reply in replies], pa.string()),
                "writer": pa.array([reply.writer for reply in replies], pa.string()),
            }
        )
