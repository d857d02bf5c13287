"""Cards: what a face shows of a recommended item beside the words of a reply.

Everything on a card is looked up, nothing is worded by a language model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llm_layer.catalogue.facts import ItemFacts
from recsys.recommender import Recommender

_PRICE_COLUMN = "price"


@dataclass(frozen=True)
class Card:
    """One recommended item.

    Attributes
    ----------
    place : int
        In the reply's list, from 1.
    id : Any
        Outside id.
    title : str
        As replies write it.
    year : int or None
        None where unknown.
    genres : tuple of str
        The catalogue's more frequent ones first.
    people : mapping of str to tuple of str
        Names by what they did.
    price : str
        As the catalogue states it; empty where it does not.
    why : str
        The best reason, as a clause; empty where there is none.
    """

    place: int
    id: Any
    title: str
    year: int | None
    genres: tuple[str, ...]
    people: Mapping[str, tuple[str, ...]]
    price: str
    why: str


def make_card(rec: Recommender, facts: ItemFacts, place: int, item: Any, why: str) -> Card:
    """Card of an item of `rec`."""
    row = facts.row(item)
    return Card(
        place=place,
        id=item,
        title=facts.title(row),
        year=facts.year(row),
        genres=facts.genres(row),
        people=facts.people(row),
        price=_price(rec, row),
        why=why,
    )


def _price(rec: Recommender, row: int) -> str:
    catalogue = rec.catalogue
    if catalogue is None:
        return ""
    names = {name.lower(): name for name in catalogue.table.column_names}
    if _PRICE_COLUMN not in names:
        return ""
    value = catalogue.column(names[_PRICE_COLUMN])[row].as_py()
    if value is None or value != value:  # an empty cell may read as not-a-number
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
