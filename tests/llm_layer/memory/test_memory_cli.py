from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from llm_layer import Concierge
from llm_layer.cli import register
from llm_layer.memory import Consent, Store
from recsys.errors import InputNotFoundError, InvalidInputError, UnknownIdError
from recsys.recommender import Recommender


@pytest.fixture
def run() -> Any:
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def model(rec: Recommender, tmp_path: Path) -> Path:
    """Saved, and the recommender of the session left as it was."""
    folder, fingerprint = rec.folder, rec.fingerprint
    rec.save(tmp_path / "model")
    rec.folder, rec.fingerprint = folder, fingerprint
    return tmp_path / "model"


@pytest.fixture
def filled(model: Path, path: Path) -> Path:
    with Store(path, default=Consent.full()) as store:
        talk = Concierge(Recommender.load(model), None, store=store).open(1)
        talk.say("I'm a vegetarian and I hate gore")
    return path


def test_profile_shows_entries_with_evidence(run: Any, model: Path, filled: Path) -> None:
    result = run("profile", model, 1, "--store", filled)
    assert result.exit_code == 0, result.output
    assert "states: vegetarian — said “I'm a vegetarian”" in result.output
    assert "dislikes: gore (-1.0)" in result.output
    assert "% of the history, such as “" in result.output
    result = run("profile", model, 1, "--store", filled, "--json")
    told = json.loads(result.output)
    assert [one["value"] for one in told["profile"]["entries"]] == ["gore", "vegetarian"]
    assert told["kept"]["user"] == "1"
    assert json.loads(run("profile", model, 2, "--json").output)["profile"]["genres"]


def test_forget_leaves_nothing_and_prints_a_receipt(run: Any, model: Path, filled: Path) -> None:
    result = run("forget", model, 1, "--store", filled, "--yes", "--json")
    assert result.exit_code == 0, result.output
    receipt = json.loads(result.output)
    assert receipt["complete"]
    counts = {(one["where"].split()[0], one["what"]): one["count"] for one in receipt["removed"]}
    assert counts["store", "profile entries"] == 2
    assert counts["model", "user ids"] == 1
    assert 1 not in Recommender.load(model).users
    assert b"vegetarian" not in filled.read_bytes()
    again = run("forget", model, 1, "--store", filled, "--yes")
    assert again.exit_code == 0
    assert "0 interactions" in again.output
    with pytest.raises(UnknownIdError, match="neither in model"):
        raise run("profile", model, 1, "--store", filled).exception


def test_forget_asks_first(run: Any, model: Path, filled: Path) -> None:
    result = run("forget", model, 1, "--store", filled)
    assert isinstance(result.exception, InvalidInputError)
    assert "--yes" in str(result.exception)
    assert 1 in Recommender.load(model).users


def test_a_place_that_refuses_is_exit_1(run: Any, model: Path) -> None:
    result = run("forget", model, 1, "--yes", "--lists", model)
    assert result.exit_code == 1
    assert "remains: lists in" in result.output


def test_consent_is_shown_and_set(run: Any, model: Path, filled: Path) -> None:
    assert "remember profile: no" in run("consent", filled, 5).output
    result = run("consent", filled, 1, "--no-remember-profile", "--personalize", "--json")
    assert json.loads(result.output) == {
        "remember_messages": False,
        "remember_profile": False,
        "personalize": True,
    }
    assert b"vegetarian" not in filled.read_bytes()


@pytest.mark.parametrize("command", ["profile", "forget"])
def test_a_store_that_is_missing_is_not_made(
    run: Any, model: Path, tmp_path: Path, command: str
) -> None:
    result = run(command, model, 1, "--store", tmp_path / "absent.db")
    assert isinstance(result.exception, InputNotFoundError)
    assert not (tmp_path / "absent.db").exists()
