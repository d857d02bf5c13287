"""``alsatian serve``: a concierge behind the HTTP interface that chat pages and clients speak.

Importing this package needs neither starlette nor uvicorn; making a server does
(``pip install "alsatian[serve]"``).
"""

from __future__ import annotations

from llm_layer.serve.settings import Limits, Settings

__all__ = ["Limits", "Settings"]
