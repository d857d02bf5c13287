"""Listening: a socket, uvicorn around the application, and a stop that lets requests end."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llm_layer.concierge import Concierge
from llm_layer.llm.base import require
from llm_layer.serve.settings import Settings
from recsys.errors import InvalidInputError

# Connections at the same time; most of them wait for their next request.
_MOST_CONNECTIONS = 1024


class Server:
    """A server that can be run in the main thread, or in another one and told to stop.

    Parameters
    ----------
    concierge : Concierge
        Who answers; closed when the server has stopped.
    settings : Settings
        Where and for whom.

    Attributes
    ----------
    url : str
        What clients take for their base URL, ``http://127.0.0.1:8000/v1``.

    Raises
    ------
    InvalidInputError
        Nobody can listen at that address: it is taken, or is not this machine's.
    MissingExtraError
        starlette or uvicorn is not installed.
    """

    def __init__(self, concierge: Concierge, settings: Settings) -> None:
        for module in ("starlette", "uvicorn"):
            require(module, "'alsatian serve'", extra="serve")
        import uvicorn

        from llm_layer.serve.app import make_app

        # The application logs a line for each request; uvicorn's own would hold query strings.
        logging.getLogger("uvicorn.access").disabled = True
        self._socket = _listen(settings.host, settings.port)
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
        self._server: Any = uvicorn.Server(
            uvicorn.Config(
                make_app(concierge, settings),
                http="h11",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_graceful_shutdown=round(settings.limits.stop_seconds),
            )
        )

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until told to stop: by :meth:`stop`, SIGTERM or Ctrl-C. Requests at work may end.

        Parameters
        ----------
        ready : callable
            Called before the first request is taken.
        """
        with _quiet_signals():
            ready()
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Ask for the end from another thread."""
        self._server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InvalidInputError(
            f"cannot listen at {host}:{port} ({error.strerror or error}); "
            "choose another --host or --port"
        ) from error


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let uvicorn have the last word: it raises the signals again that it has stopped for."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log lines with time and level, for a server that runs on its own."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, lowest in (("alsatian.serve", level), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(lowest)
