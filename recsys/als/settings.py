"""Settings as attributes of a model: read from its configuration, checked when written."""

from __future__ import annotations

from dataclasses import replace
from typing import Generic, Protocol, TypeVar, overload

from recsys.als.config import ALSConfig
from recsys.errors import InvalidInputError

Value = TypeVar("Value")


class Configured(Protocol):
    """Anything with settings."""

    config: ALSConfig


class Setting(Generic[Value]):
    """An attribute that reads from the model's settings, and checks what is written to them."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, model: None, owner: type) -> Setting[Value]: ...
    @overload
    def __get__(self, model: Configured, owner: type) -> Value: ...
    def __get__(self, model: Configured | None, owner: type) -> Setting[Value] | Value:
        if model is None:
            return self
        value: Value = getattr(model.config, self._name)
        return value

    def __set__(self, model: Configured, value: Value) -> None:
        model.config = replace(model.config, **{self._name: value})  # type: ignore[arg-type]


def as_implicit_says(
    solver: str, device: str, *, use_cg: bool | None, use_native: bool, use_gpu: bool | None
) -> tuple[str, str]:
    """Turn ``implicit``'s switches into a solver and a device.

    Parameters
    ----------
    solver, device : str
        As given by our own names.
    use_cg : bool, optional
        True for ``"cg"``, False for ``"cholesky"``, where `solver` was left at its default.
    use_native : bool
        Either is fine: the native core always computes.
    use_gpu : bool, optional
        True for ``"cuda"``, False for ``"cpu"``, where `device` was left at its default.

    Raises
    ------
    InvalidInputError
        A switch contradicts `solver` or `device`, or is no bool.

    Examples
    --------
    >>> as_implicit_says("cg", "cpu", use_cg=False, use_native=True, use_gpu=None)
    ('cholesky', 'cpu')
    """
    for name, value in (("use_cg", use_cg), ("use_native", use_native), ("use_gpu", use_gpu)):
        if not isinstance(value, bool) and (value is not None or name == "use_native"):
            raise InvalidInputError(f"{name} is {value!r}, expected True or False")
    if use_cg is not None:
        if solver == ALSConfig.solver:
            solver = "cg" if use_cg else "cholesky"
        elif (solver == "cg") != use_cg:
            raise InvalidInputError(
                f"use_cg is {use_cg} and solver {solver!r}; give one of them, not both"
            )
    if use_gpu is not None:
        if device == ALSConfig.device:
            device = "cuda" if use_gpu else "cpu"
        elif (device != "cpu") != use_gpu:
            raise InvalidInputError(
                f"use_gpu is {use_gpu} and device {device!r}; give one of them, not both"
            )
    return solver, device
