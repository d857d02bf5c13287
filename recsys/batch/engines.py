"""The engines of the batch job, by name."""

from __future__ import annotations

import functools

from recsys.batch.local import Engine, run_local
from recsys.errors import InvalidInputError

#: Names of engines.
ENGINES = ("local", "ray")


def make_engine(kind: str = "local", *, address: str | None = None, cpus: int = 1) -> Engine:
    """Return the engine of a name.

    Parameters
    ----------
    kind : {"local", "ray"}
        ``"local"`` works in this process, ``"ray"`` on a cluster.
    address, cpus
        Of ``"ray"``: see :func:`recsys.batch.ray_engine.run_ray`.

    Raises
    ------
    InvalidInputError
        An unknown name.

    Examples
    --------
    >>> make_engine("local").__name__
    'run_local'
    """
    if kind == "local":
        return run_local
    if kind == "ray":
        from recsys.batch.ray_engine import run_ray

        return functools.partial(run_ray, address=address, cpus=cpus)
    raise InvalidInputError(f"engine is {kind!r}, expected one of {', '.join(ENGINES)}")
