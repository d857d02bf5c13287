"""Texts for the users of a job, written by whichever package offers a writer.

A writer is found through the entry-point group ``alsatian.writers``: each entry is a callable that
is given the recommender and the name of a language model, and returns a :data:`ReplyWriter`. This
package knows nothing of who that is.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from recsys.errors import MissingExtraError
from recsys.lists import Lists

if TYPE_CHECKING:
    from recsys.recommender import Recommender

GROUP = "alsatian.writers"
#: Given lists, returns a table of user_id, text and writer (strings): a row for each user who has a
#: list, in the order of the lists.
ReplyWriter: TypeAlias = Callable[[Lists], pa.Table]


def make_writer(recommender: Recommender, llm: str) -> ReplyWriter:
    """Return the writer that is installed.

    Parameters
    ----------
    recommender : Recommender
        With an item table.
    llm : str
        Which language model words the texts, in the writer's own terms.

    Raises
    ------
    MissingExtraError
        No package offers a writer.
    AlsatianError
        The writer refuses the recommender or the language model.
    """
    offered = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if not offered:
        raise MissingExtraError(
            f"no installed package writes replies (entry-point group {GROUP}); install "
            "'alsatian[llm]'"
        )
    writer: ReplyWriter = offered[0].load()(recommender, llm)
    return writer


def replies_schema(recommender: Any) -> pa.Schema:
    """Return the columns of the file of texts."""
    return pa.schema(
        [
            pa.field("user_id", recommender.users.ids.type, nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("writer", pa.string(), nullable=False),
        ]
    )
