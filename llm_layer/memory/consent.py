"""Consent: what a person has agreed to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from recsys.errors import InvalidInputError


@dataclass(frozen=True)
class Consent:
    """What may be kept of a person, and used for them.

    By default nothing that they say is kept: they agree first. An operator whose users agreed when
    they signed up gives the store another default.

    Attributes
    ----------
    remember_messages : bool
        Keep the words of dialogues, redacted. Without it a conversation that is on is kept without
        any words, so that it survives a restart.
    remember_profile : bool
        Keep what they state, like and dislike, search for and look at, with the clause that says
        so as evidence, and how they write.
    personalize : bool
        Use what is known of them: their history in the model, and what is kept. Without it they
        are served like a stranger.

    Examples
    --------
    >>> Consent().remember_profile, Consent.full().remember_profile
    (False, True)
    """

    remember_messages: bool = False
    remember_profile: bool = False
    personalize: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, bool):
                raise InvalidInputError(
                    f"consent {field.name} is {value!r}, expected True or False"
                )

    @classmethod
    def full(cls) -> Consent:
        """Agreed to everything."""
        return cls(True, True, True)

    @classmethod
    def none(cls) -> Consent:
        """Agreed to nothing."""
        return cls(False, False, False)

    def to_dict(self) -> dict[str, bool]:
        """The flags by name."""
        return asdict(self)

    def replaced(self, **flags: Any) -> Consent:
        """The same with some flags set.

        Raises
        ------
        InvalidInputError
            No such flag, or no bool.
        """
        known = self.to_dict()
        unknown = [name for name in flags if name not in known]
        if unknown:
            raise InvalidInputError(
                f"there is no consent {unknown[0]!r}; expected some of {', '.join(known)}"
            )
        return Consent(**(known | flags))
