"""``alsatian similar`` and ``alsatian explain``: a look into a model."""

from __future__ import annotations

from typing import Annotated

import typer

from recsys.commands.options import AsJson, ModelArgument
from recsys.commands.output import name_of, say_table


def similar(
    model: ModelArgument,
    item: Annotated[str, typer.Argument(help="Item id.")],
    n: Annotated[int, typer.Option(help="How many.")] = 10,
    by: Annotated[str, typer.Option(help="factors or content.")] = "factors",
    as_json: AsJson = False,
) -> None:
    """The items most like an item.

    Example: alsatian similar model 50 --n 5
    """
    from recsys.recommender import Recommender

    recommender = Recommender.load(model)
    found = recommender.similar_items(item, n, by=by)  # type: ignore[arg-type]  # checked there
    heading = f"most like {name_of(recommender, item)}"
    say_table(recommender, found, heading, as_json)


def explain(
    model: ModelArgument,
    user: Annotated[str, typer.Argument(help="User id.")],
    item: Annotated[str, typer.Argument(help="Item id.")],
    n: Annotated[int, typer.Option(help="Largest contributions to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """What each item of a user's history contributes to an item's score.

    Example: alsatian explain model 1 50
    """
    from recsys.recommender import Recommender

    recommender = Recommender.load(model)
    found = recommender.explain(user, item, n)
    heading = f"user {user}, {name_of(recommender, item)}: score {found.score:.4f}"
    say_table(recommender, found.contributions, heading, as_json, score=found.score)
