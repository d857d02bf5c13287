"""The whole run: report files, their contents, and the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conversation_doubles import ScriptedLLM

from llm_layer.evaluation import Course, DialogueReport, Resampling, evaluate_dialogues
from llm_layer.llm.base import LLM, LLMRefusedError
from recsys.als import AlternatingLeastSquares
from recsys.cli import run
from recsys.errors import InvalidInputError
from recsys.interactions import Interactions

COURSE = Course(users=3, turns=2, modes=("history", "critique"), known=(None, 0), seed=3)


def evaluated(events: Interactions, items: pa.Table, course: Course = COURSE, **more: Any):
    model = AlternatingLeastSquares(factors=8, iterations=3, random_state=1, num_threads=1)
    resampling = Resampling(samples=20)
    return evaluate_dialogues(events, items, course, model=model, resampling=resampling, **more)


@pytest.fixture(scope="module")
def report(events: Interactions, items: pa.Table) -> DialogueReport:
    return evaluated(events, items)


def without_times(report: DialogueReport) -> dict[str, Any]:
    found = report.to_dict()
    for result in found["results"]:
        del result["conduct"]["milliseconds"]
    return found


def test_every_mode_group_and_engine_is_there(report: DialogueReport) -> None:
    ran = [(one.engine, one.mode, one.known) for one in report.results]
    assert ran == [
        (engine, mode, known)
        for engine in ("alsatian", "catalogue only")
        for known in (None, 0)
        for mode in ("history", "critique")
    ]
    assert all(one.success.users == 3 for one in report.results)
    assert all(one.conduct.grounded == 1.0 for one in report.results)
    assert report.of("critique", 0).label == "critique, newcomers"
    with pytest.raises(KeyError):
        report.of("attribute")


def test_groups_stand_beside_their_lists_and_the_baseline(report: DialogueReport) -> None:
    lines = report.to_markdown().splitlines()
    begin = lines.index("## By what the engine knows of its users") + 2
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[begin : begin + 6]]
    assert [row[0] for row in rows[2:]] == [
        "history, all known",
        "critique, all known",
        "history, newcomers",
        "critique, newcomers",
    ]
    own, other = report.of("history", 0), report.of("history", 0, "catalogue only")
    over = report.over_baseline(own)
    assert over is not None
    assert over.mean == pytest.approx(own.success.within[-1].mean - other.success.within[-1].mean)
    assert rows[4][-1].startswith(f"{100 * over.mean:+.1f} [")
    assert report.over_baseline(other) is None


def test_the_same_seed_gives_the_same_figures(
    report: DialogueReport, events: Interactions, items: pa.Table
) -> None:
    again = evaluated(events, items)
    assert without_times(again) == without_times(report)
    words = [[turn.said for turn in one.turns] for one in report.results[0].dialogues]
    other = evaluated(
        events,
        items,
        Course(users=3, turns=2, modes=("history",), known=(None,), baseline=False, seed=4),
    )
    assert [[turn.said for turn in one.turns] for one in other.results[0].dialogues] != words


def test_the_report_is_written_with_its_plots(report: DialogueReport, tmp_path: Path) -> None:
    if not os.environ.get("CI"):  # there its absence is a failure
        pytest.importorskip("matplotlib")
    written = report.write(tmp_path / "out")
    assert sorted(path.name for path in written) == [
        "dialogues.jsonl",
        "latency_by_stage.png",
        "report.json",
        "report.md",
        "success_by_turn.png",
        "turns_to_success.png",
    ]
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in written if path.suffix == ".png")
    assert json.loads((tmp_path / "out/report.json").read_text()) == json.loads(
        json.dumps(report.to_dict())
    )
    text = (tmp_path / "out/report.md").read_text()
    for path in written:
        assert path.suffix != ".png" or f"({path.name})" in text
    headline = report.results[0].success
    assert f"{headline.within[-1].mean:.1%} [" in text
    rows = [json.loads(line) for line in (tmp_path / "out/dialogues.jsonl").open()]
    assert len(rows) == 3 * len(report.results)
    assert rows[0]["turns"][0]["said"] == report.results[0].dialogues[0].turns[0].said


def test_tokens_are_counted_where_a_model_is_asked(events: Interactions, items: pa.Table) -> None:
    llm = ScriptedLLM(["no words that can be used", LLMRefusedError("gone")])
    assert isinstance(llm, LLM)
    course = Course(users=1, turns=1, modes=("history",), known=(None,), baseline=True)
    own, baseline = evaluated(events, items, course, llm=llm).results
    assert own.conduct.tokens["calls"] * own.conduct.replies == len(llm.asked)
    assert baseline.conduct.tokens == {}


@pytest.fixture
def files(events: Interactions, items: pa.Table, tmp_path: Path) -> list[str]:
    pairs = events.to_table().select(["user_id", "item_id"])
    pq.write_table(pairs, tmp_path / "events.parquet")
    pq.write_table(items, tmp_path / "items.parquet")
    options = ["--users", "3", "--turns", "2", "--factors", "4", "--iterations", "2"]
    paths = [str(tmp_path / "events.parquet"), "--items", str(tmp_path / "items.parquet")]
    return ["evaluate-dialogue", *paths, *options]


def test_command_writes_a_report(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    command = [*files, "--mode", "history", "--language", "zh", "--no-plots", "--out", str(out)]
    assert run(command) == 0
    printed = capsys.readouterr()
    assert "within 2 turns" in printed.out
    assert "alsatian, history: 3 users" in printed.err
    assert "\r" not in printed.err  # plain lines where there is no terminal
    assert sorted(path.name for path in out.iterdir()) == [
        "dialogues.jsonl",
        "report.json",
        "report.md",
    ]


def test_command_prints_json(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*files, "--mode", "critique", "--known", "5", "--no-baseline", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (result,) = found["results"]
    assert (result["mode"], result["known"]) == ("critique", 5)
    assert found["course"]["users"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--users", "500"], "ask for fewer users"),
        (["--turns", "0"], "turns is 0"),
        (["--mode", "psychic"], "expected some of history, wish, critique, attribute"),
        (["--language", "fr"], "--language is 'fr'"),
        (["--known", "some"], "--known is 'some'"),
        (["--llm", "nobody"], "--llm is 'nobody'"),
        (["--items", "nowhere.parquet"], "nowhere.parquet does not exist"),
    ],
)
def test_bad_input_is_one_line(
    files: list[str], options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*files, *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("alsatian: ")
    assert message in error
    assert error.count("\n") == 1


def test_an_item_table_is_needed(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([files[0], files[1]]) == 2
    assert "--items is missing" in capsys.readouterr().err


def test_items_without_attributes_are_refused(events: Interactions, items: pa.Table) -> None:
    bare = items.select(["item_id"]).append_column("title", pa.array(["x"] * items.num_rows))
    with pytest.raises(InvalidInputError, match="neither genres nor years"):
        evaluated(events, bare)
