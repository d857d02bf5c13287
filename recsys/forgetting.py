"""Forgetting a user: what is removed, where, and what is left to others."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Removal:
    """Something that was removed.

    Attributes
    ----------
    where : str
        The place: a store, the model in memory, a model folder.
    what : str
        ``"interactions"``, ``"evidence"`` and the like.
    count : int
        How many, >= 0.
    """

    where: str
    what: str
    count: int


@dataclass(frozen=True)
class Receipt:
    """What was removed of a user. It holds no personal data, not even the id.

    Attributes
    ----------
    removed : tuple of Removal
        In the order it was done; places where nothing was found say 0.
    remains : tuple of str
        Places that may still hold something of the user, and what to do there.
    notes : tuple of str
        What was not searched, or cannot be undone without another fit.
    """

    removed: tuple[Removal, ...] = ()
    remains: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing of the user is left where it was looked."""
        return not self.remains

    @property
    def total(self) -> int:
        """How much was removed in all."""
        return sum(removal.count for removal in self.removed)

    def __add__(self, other: Receipt) -> Receipt:
        return Receipt(
            self.removed + other.removed, self.remains + other.remains, self.notes + other.notes
        )

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "complete": self.complete,
            "removed": [asdict(removal) for removal in self.removed],
            "remains": list(self.remains),
            "notes": list(self.notes),
        }
