"""What a server may be told: where it listens, who may speak to it, and how much at once."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, fields

from recsys.errors import InvalidInputError

_LEAST_TOKEN = 16


@dataclass(frozen=True)
class Limits:
    """Bounds of what clients can make a server do. Counts are at least 1 (`waiting`: 0), times > 0.

    Attributes
    ----------
    body_bytes : int
        Largest body of a request.
    messages : int
        Longest history of a request.
    replayed : int
        So many of the latest user messages of a history are read again where the conversation
        itself is not at hand.
    conversations : int
        Live conversations; those unused for longest make room.
    at_once : int
        Replies that are written at the same time.
    waiting : int
        Requests that wait for one of these to end; further ones are told to come back later.
    body_seconds : float
        For a client to send its body.
    seconds : float
        For a whole request, its wait included.
    stop_seconds : float
        For requests at work when the server is told to stop.
    """

    body_bytes: int = 1 << 20
    messages: int = 1000
    replayed: int = 40
    conversations: int = 1000
    at_once: int = 8
    waiting: int = 32
    body_seconds: float = 10.0
    seconds: float = 60.0
    stop_seconds: float = 10.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            is_count = each.type == "int"
            if isinstance(value, bool) or not isinstance(value, int if is_count else (int, float)):
                raise InvalidInputError(f"{each.name} is {value!r}, expected a number")
            if is_count and value < (least := 0 if each.name == "waiting" else 1):
                raise InvalidInputError(f"{each.name} is {value}, expected at least {least}")
            if not is_count and not 0 < value < float("inf"):
                raise InvalidInputError(f"{each.name} is {value!r} s, expected more than 0")


@dataclass(frozen=True)
class Settings:
    """How a server presents itself.

    Attributes
    ----------
    host : str
        Address to listen at.
    port : int
        Port, 0 to 65535; 0 takes a free one.
    token : str or None
        What clients have to send as ``Authorization: Bearer``; required off loopback.
    origins : tuple of str
        Web pages that may call from a browser, as ``https://chat.example``; ``*`` for any.
    model : str
        The name that ``/v1/models`` lists.
    age : int or None
        Years of whoever comes, for domains with an age limit; what they state may lower it.
    limits : Limits
        Bounds.

    Raises
    ------
    InvalidInputError
        A value is out of range, or there is no token off loopback.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    origins: tuple[str, ...] = ()
    model: str = "alsatian"
    age: int | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InvalidInputError(f"port is {self.port}, expected 0 to 65535")
        if self.token is None and not is_loopback(self.host):
            raise InvalidInputError(
                f"--host {self.host} can be reached from other machines, and no token is set; "
                "put one into an environment variable and name it with --token-env"
            )
        if self.token is not None and len(self.token) < _LEAST_TOKEN:
            raise InvalidInputError(
                f"the token has {len(self.token)} characters, expected at least {_LEAST_TOKEN}; "
                "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise InvalidInputError("the token has other than printable ASCII characters")
        if self.age is not None and self.age < 0:
            raise InvalidInputError(f"age is {self.age}, expected at least 0 years")
        for origin in self.origins:
            if origin != "*" and not origin.startswith(("http://", "https://")):
                raise InvalidInputError(
                    f"--allow-origin is {origin!r}, expected such as https://chat.example, or *"
                )


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach `host`.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "my.host")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
