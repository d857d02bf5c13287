"""What the model of intents sees of a message that was read: its shape, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, fields

from llm_layer.understanding.act_words import ASKING, IN_SCOPE
from llm_layer.understanding.acts import Shape, Signs, ruled
from llm_layer.understanding.page import Page
from llm_layer.understanding.request import Act, Request

_NAMES = {
    "item": "<item>",
    "person": "<person>",
    "place": "<place>",
    "genre": "<genre>",
    "value": "<value>",
}
_FLAGS = tuple(field.name for field in fields(Signs) if field.type == "bool")


@dataclass(frozen=True)
class Observation:
    """A message as the model sees it.

    Attributes
    ----------
    shape : str
        Its words, with a name in place of each item, person, place, genre and value.
    signs : tuple of str
        What holds of it.
    ruled : str
        Its act by rules alone.
    by : str
        Which rules say so.
    """

    shape: str
    signs: tuple[str, ...]
    ruled: Act
    by: str

    @property
    def signs_of_items(self) -> bool:
        """Whether items are named or pointed at."""
        return any(sign.startswith("items ") for sign in self.signs)


def observed(page: Page, signs: Signs, request: Request) -> Observation:
    """A message as the model sees it."""
    act, by = ruled(signs)
    found = [name for name in _FLAGS if getattr(signs, name)]
    found += [f"rule {act}", f"by {by}", request.language]
    if signs.n_items:
        found.append(f"items {min(signs.n_items, 2)}")
    if signs.topic:
        found.append(f"topic {signs.topic}")
    if signs.mood:
        found.append("mood")
    if request.is_open:
        found.append("open")
    if Shape(signs.text).has(ASKING):
        found.append("asking")
    if IN_SCOPE.search(signs.text):
        found.append("in scope")
    return Observation(page.shape(_NAMES), tuple(found), act, by)
