"""A benchmark as a command: its options, its exit status, and its errors in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from recsys.errors import AlsatianError


def exit_with(main: Callable[[], int]) -> NoReturn:
    """Run `main` and exit with what it returns; 2 where the project refuses something."""
    try:
        sys.exit(main())
    except AlsatianError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def quality_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options of every benchmark of quality."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="made-up data, seconds")
    parser.add_argument("--factors", type=int)
    parser.add_argument("--threads", type=int, default=0, help="0, the default, for all cores")
    parser.add_argument("--samples", type=int, default=1000, help="bootstrap resamples")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    return parser
