"""Written messages with their acts: what the model of intents is trained on.

A file has four columns parted by tabs, and may name them in its first line: language (``en``,
``zh``), context (``start``, ``after_list``), act, text. Lines that begin with ``#`` are comments.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from llm_layer.text import Language
from llm_layer.understanding.request import Act
from recsys.errors import InvalidInputError
from recsys.storage import existing_file

FOLDER = Path(__file__).with_name("examples")
_CONTEXTS = ("start", "after_list")
_HEADER = "language\tcontext\tact\ttext"


@dataclass(frozen=True)
class Message:
    """One written message.

    Attributes
    ----------
    text : str
        As a visitor types it.
    act : str
        What it does.
    language : {"en", "zh"}
        Of the text.
    in_talk : bool
        A list was shown before.
    """

    text: str
    act: Act
    language: Language
    in_talk: bool


def shipped_files() -> list[Path]:
    """Files of the messages that come with the package, by name."""
    return sorted(FOLDER.glob("*.tsv"))


def read_messages(paths: Iterable[str | os.PathLike[str]]) -> list[Message]:
    """Messages of some files, in order.

    Raises
    ------
    InputNotFoundError
        A file does not exist.
    InvalidInputError
        A line has another number of columns, or a value that is none of those expected.
    """
    found = []
    for path in paths:
        file = existing_file(path, "file of messages")
        try:
            lines = file.read_text("utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise InvalidInputError(
                f"{file} is not UTF-8 ({error.reason}); save it as UTF-8"
            ) from error
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#") and (number, line) != (1, _HEADER):
                found.append(_message(line, f"{file}, line {number}"))
    return found


def _message(line: str, where: str) -> Message:
    cells = line.split("\t")
    if len(cells) != 4:
        raise InvalidInputError(
            f"{where}: {len(cells)} columns, expected language, context, act and text with tabs "
            "between"
        )
    language, context, act, text = (cell.strip() for cell in cells)
    known: tuple[tuple[str, str, Sequence[str]], ...] = (
        ("language", language, get_args(Language)),
        ("context", context, _CONTEXTS),
        ("act", act, get_args(Act)),
    )
    for name, value, accepted in known:
        if value not in accepted:
            raise InvalidInputError(f"{where}: {name} {value!r}, expected one of {list(accepted)}")
    if not text:
        raise InvalidInputError(f"{where}: no text; write the message or remove the line")
    return Message(text, cast(Act, act), cast(Language, language), context == "after_list")


def digest(paths: Iterable[str | os.PathLike[str]]) -> str:
    """SHA-256 over the contents of some files, whatever their line ends."""
    found = hashlib.sha256()
    for path in paths:
        found.update(Path(path).read_bytes().replace(b"\r\n", b"\n"))
        found.update(b"\0")
    return found.hexdigest()
