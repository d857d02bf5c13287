"""What commands print: text for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pyarrow as pa

    from recsys.recommender import Recommender


def say(text: str, facts: dict[str, Any], as_json: bool) -> None:
    """Print `text`, or `facts` as JSON."""
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else text)


def name_of(recommender: Recommender, item: Any) -> str:
    """Title and id of an item, or its id alone where there is no catalogue."""
    row = int(recommender.items.rows([item])[0])
    given = recommender.items.ids[row].as_py()
    if recommender.catalogue is None:
        return f"item {given}"
    return f"{recommender.catalogue.title(row)} (item {given})"


def say_table(
    recommender: Recommender, table: pa.Table, heading: str, as_json: bool, **facts: Any
) -> None:
    """Print a list of items with their scores or contributions; as JSON with `facts` besides."""
    rows = table.to_pylist()
    if as_json:
        typer.echo(json.dumps({**facts, "items": rows}, ensure_ascii=False))
        return
    typer.echo(heading)
    for row in rows:
        value = row.get("contribution", row.get("score"))
        typer.echo(f"  {value:+.4f}  {name_of(recommender, row['item_id'])}")


def say_event(event: str, facts: dict[str, Any]) -> None:
    """Print an event as a line of JSON, at once."""
    typer.echo(json.dumps({"event": event, **facts}, ensure_ascii=False, default=str))
    sys.stdout.flush()
