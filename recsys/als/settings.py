"""Settings as attributes of a model: read from its configuration, checked when written."""

from __future__ import annotations

from dataclasses import replace
from typing import Generic, Protocol, TypeVar, overload

from recsys.als.config import ALSConfig

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
