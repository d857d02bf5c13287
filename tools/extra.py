"""Prints the requirements of the extras that are named, quoted for a shell."""

import shlex
import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))
extras = project["project"]["optional-dependencies"]
print(*(shlex.quote(requirement) for name in sys.argv[1:] for requirement in extras[name]))
