"""``alsatian chat`` with lines that are piped into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from llm_layer.cli import register
from recsys.errors import AlsatianError, InputNotFoundError, InvalidInputError, UnknownIdError
from recsys.recommender import Recommender


@pytest.fixture(scope="module")
def saved(rec: Recommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chat") / "model"
    rec.save(folder)
    return folder


@pytest.fixture
def chat() -> Any:
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)

    def run(*arguments: str, said: str = "a comedy\n\nanother\n") -> Any:
        return CliRunner().invoke(app, ["chat", *arguments], input=said)

    return run


def test_chat_reads_lines_and_tells_writer_and_verdict(chat: Any, saved: Path) -> None:
    result = chat(str(saved), "--user", "1", "--llm", "none")
    assert result.exit_code == 0, result.output
    assert result.output.count("writer: template (no language model was given)") == 2
    assert result.output.count("| grounded: ") == 2


def test_chat_speaks_of_a_domain(chat: Any, saved: Path) -> None:
    result = chat(
        str(saved), "--user", "1", "--llm", "none", "--domain", "books", said="hi\nwhy?\n"
    )
    assert result.exit_code == 0, result.output
    assert "film" not in result.output
    assert "watch" not in result.output


def test_chat_prints_json(chat: Any, saved: Path) -> None:
    result = chat(str(saved), "--likes", "10,13", "--llm", "none", "--json")
    replies = [json.loads(line) for line in result.output.splitlines()]
    assert len(replies) == 2
    assert all(reply["ok"] and reply["recommended"] for reply in replies)


@pytest.mark.parametrize(
    ("arguments", "error", "names"),
    [
        (["--user", "99", "--llm", "none"], UnknownIdError, "99"),
        (["--llm", "wat"], InvalidInputError, "--llm"),
        (["--llm", "absent.gguf"], InputNotFoundError, "absent.gguf"),
        (
            ["--llm", "http://127.0.0.1:9/v1", "--llm-model", "m"],
            AlsatianError,
            "cannot be reached",
        ),
        (["--llm", "http://127.0.0.1:9/v1"], InvalidInputError, "--llm-model"),
        (["--llm", "http://127.0.0.1:99999", "--llm-model", "m"], InvalidInputError, "base_url"),
        (["--language", "fr"], InvalidInputError, "--language"),
        (["--llm", "none", "--domain", "wat"], InvalidInputError, "wat"),
    ],
)
def test_chat_refuses_in_one_line(
    chat: Any, saved: Path, arguments: list[str], error: type[Exception], names: str
) -> None:
    result = chat(str(saved), *arguments)
    assert isinstance(result.exception, error)
    assert names in str(result.exception)
    assert "\n" not in str(result.exception)


def test_chat_goes_on_after_a_line_that_is_too_long(chat: Any, saved: Path) -> None:
    said = f"a comedy\n{'x' * 2001}\nanother\n"
    result = chat(str(saved), "--user", "1", "--llm", "none", said=said)
    assert result.exit_code == 2
    assert result.stdout.count("writer: template") == 2
    assert result.stderr.count("\n") == 1
    assert "2001 characters" in result.stderr
