"""Servers on loopback, in a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from llm_layer import Concierge
from llm_layer.serve import Limits, Settings
from llm_layer.serve.run import Server
from recsys.recommender import Recommender


@contextmanager
def serving(concierge: Concierge, **settings: Any) -> Iterator[str]:
    """URL of a server for `concierge`, without ``/v1``."""
    server = Server(concierge, Settings(port=0, **settings))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url.removesuffix("/v1")
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def start(rec: Recommender) -> Iterator[Callable[..., str]]:
    """Starts servers, which end with the test; without a concierge, one of templates."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def run(concierge: Concierge | None = None, **settings: Any) -> str:
            if "limits" in settings:
                settings["limits"] = Limits(**settings["limits"])
            return stack.enter_context(serving(concierge or Concierge(rec, None), **settings))

        yield run


@pytest.fixture(scope="package")
def url(rec: Recommender) -> Iterator[str]:
    """One server of templates for all tests that change nothing about it."""
    with serving(Concierge(rec, None)) as found:
        yield found
