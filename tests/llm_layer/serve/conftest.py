"""Servers on loopback, in a thread of the test's own process."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from llm_layer import Concierge
from llm_layer.serve import Limits, Settings
from llm_layer.serve.run import Server
from recsys.recommender import Recommender

# Under --import-mode=importlib the folder of a test is not on the path.
sys.path.insert(0, str(Path(__file__).parent))


@contextmanager
def _serving(concierge: Concierge, **settings: Any) -> Iterator[str]:
    server = Server(concierge, Settings(port=0, **settings))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url.removesuffix("/v1")
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


def _need_extra() -> None:
    if not os.environ.get("CI"):  # there its absence is a failure
        for module in ("starlette", "uvicorn", "openai"):
            pytest.importorskip(module)


@pytest.fixture(scope="session")
def serving() -> Any:
    """Serves a concierge within a ``with`` block, which gets the URL without ``/v1``."""
    _need_extra()
    return _serving


@pytest.fixture
def start(rec: Recommender) -> Iterator[Callable[..., str]]:
    """Starts servers, which end with the test; without a concierge, one of templates."""
    _need_extra()
    with ExitStack() as stack:

        def run(concierge: Concierge | None = None, **settings: Any) -> str:
            if "limits" in settings:
                settings["limits"] = Limits(**settings["limits"])
            return stack.enter_context(_serving(concierge or Concierge(rec, None), **settings))

        yield run


@pytest.fixture(scope="package")
def url(rec: Recommender) -> Iterator[str]:
    """One server of templates for all tests that change nothing about it."""
    _need_extra()
    with _serving(Concierge(rec, None)) as found:
        yield found
