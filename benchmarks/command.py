"""A benchmark as a command: its exit status, and its errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from recsys.errors import AlsatianError


def exit_with(main: Callable[[], int]) -> NoReturn:
    """Run `main` and exit with what it returns; 2 where the project refuses something."""
    try:
        sys.exit(main())
    except AlsatianError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
