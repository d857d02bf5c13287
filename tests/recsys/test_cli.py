"""The command line: every command on a small model, and every bad input as one line, exit 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.cli import run
from recsys.recommender import Recommender

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tastes, 60 users, 40 items."""
    random = np.random.default_rng(0)
    users = np.repeat(np.arange(100, 160), 12)
    items = np.concatenate(
        [random.choice(20, 12, replace=False) + 20 * (user % 2) for user in range(60)]
    )
    table = pa.table(
        {
            "user_id": users,
            "item_id": items,
            "stars": random.integers(1, 6, users.size).astype(float),
            "at": np.arange(users.size),
        }
    )
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    pq.write_table(table, path)
    titles = pa.table({"item_id": np.arange(40), "title": [f"Title {k}" for k in range(40)]})
    pq.write_table(titles, path.with_name("items.parquet"))
    return path


@pytest.fixture(scope="module")
def model(events: Path) -> Path:
    out = events.with_name("model")
    arguments = ["fit", str(events), "--items", str(events.with_name("items.parquet"))]
    assert run([*arguments, "--out", str(out), "--factors", "8", "--iterations", "4"]) == 0
    return out


def test_fit_prints_facts(events: Path, tmp_path: Path, capsys: Captured) -> None:
    arguments = ["fit", str(events), "--out", str(tmp_path / "m"), "--factors", "4", "--json"]
    assert run([*arguments, "--weight-column", "stars", "--timestamp-column", "at"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["users"], facts["items"], facts["pairs"]) == (60, 40, 720)


def test_fit_is_deterministic(events: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run(["fit", str(events), "--out", str(tmp_path / name), "--seed", "3"]) == 0
    read = {
        name: pq.read_table(next((tmp_path / name).glob("users-*"))).to_pylist() for name in "ab"
    }
    assert read["a"] == read["b"]
    contents = [next((tmp_path / name).glob("factors-*")).read_bytes() for name in "ab"]
    assert contents[0] == contents[1]


def test_fit_goes_on_from_a_checkpoint(events: Path, tmp_path: Path, capsys: Captured) -> None:
    def fit(name: str, *options: str) -> int:
        return run(["fit", str(events), "--out", str(tmp_path / name), *options])

    kept = ["--checkpoint", str(tmp_path / "kept"), "--checkpoint-every", "2"]
    assert fit("whole") == 0
    assert fit("half", *kept, "--iterations", "6", "--resume") == 0
    assert fit("resumed", *kept, "--resume") == 0
    files = [next((tmp_path / name).glob("factors-*")) for name in ("whole", "resumed")]
    assert files[0].read_bytes() == files[1].read_bytes()
    history = Recommender.load(tmp_path / "resumed").model.history_
    assert [record["sweep"] for record in history] == list(range(1, 16))
    capsys.readouterr()
    assert fit("again", *kept) == 2
    assert "--resume" in capsys.readouterr().err
    assert fit("again", "--resume") == 2
    assert "checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_recommend_writes_every_user(model: Path, tmp_path: Path, capsys: Captured) -> None:
    arguments = ["recommend", str(model), "--n", "5", "--out", str(tmp_path / "lists")]
    assert run([*arguments, "--part-users", "25"]) == 0
    table = pq.read_table(sorted((tmp_path / "lists").glob("part-*.parquet")))
    assert table.num_rows == 300
    assert table["user_id"].to_pylist()[::5] == list(range(100, 160))
    assert "memory:" in capsys.readouterr().out
    assert run([*arguments, "--part-users", "25", "--resume", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["planned", "done"]
    assert (events[-1]["parts_done"], events[-1]["parts_kept"]) == (0, 3)


def test_recommend_tells_a_scheduler(model: Path, tmp_path: Path, capsys: Captured) -> None:
    arguments = ["recommend", str(model), "--n", "5", "--part-users", "25", "--json", "--out"]
    out = tmp_path / "lists"
    assert run([*arguments, str(out), "--plan"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"] == 3
    assert not out.exists()
    assert run([*arguments, str(out)]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["planned", *["progress"] * 3, "done"]
    assert [event["parts_done"] for event in events[1:4]] == [1, 2, 3]
    assert events[3]["seconds_left"] == 0
    assert run([*arguments, str(out)]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["event"] == "failed"
    assert "--resume" in captured.err


def test_recommend_with_rules_of_a_file(model: Path, tmp_path: Path, capsys: Captured) -> None:
    denied = tmp_path / "denied.csv"
    denied.write_text("item_id\n3\n4\n99999\n")
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\ndeny = "denied.csv"\n\n[[rule]]\nallow = [3, 4, 5, 6, 7, 8]\n')
    arguments = ["recommend", str(model), "--include-seen", "--rules", str(rules), "--out"]
    assert run([*arguments, str(tmp_path / "no")]) == 2
    assert "99999" in capsys.readouterr().err
    assert run([*arguments, str(tmp_path / "lists"), "--unknown", "report"]) == 0
    table = pq.read_table(sorted((tmp_path / "lists").glob("part-*.parquet")))
    assert set(table["item_id"].to_pylist()) == {5, 6, 7, 8}
    assert set(table["reason"].to_pylist()) == {"rules"}
    assert "99999" in (tmp_path / "lists" / "_report.json").read_text()
    assert run([*arguments, str(tmp_path / "x"), "--rules", str(denied)]) == 2
    assert "is not JSON" in capsys.readouterr().err


def test_status_3_where_the_disk_refuses(model: Path, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_text("")
    assert run(["recommend", str(model), "--out", str(tmp_path / "file" / "lists")]) == 3
    assert "is a file, not a folder" in capsys.readouterr().err


def test_similar_and_explain(model: Path, capsys: Captured) -> None:
    assert run(["similar", str(model), "3", "--n", "4"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "most like Title 3 (item 3)"
    assert len(printed) == 5
    assert run(["explain", str(model), "100", "3", "--n", "99", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(row["contribution"] for row in found["items"]) == pytest.approx(found["score"])


def test_evaluate(events: Path, tmp_path: Path, capsys: Captured) -> None:
    for split in ("random", "last"):
        arguments = ["evaluate", str(events), "--split", split, "--k", "5", "--factors", "8"]
        assert run([*arguments, "--timestamp-column", "at", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert [result["name"] for result in report["results"]] == [
            "alsatian",
            "implicit",
            "popularity",
        ]
        ours = report["results"][0]["metrics"]["ndcg@5"]
        assert ours["mean"] > report["results"][2]["metrics"]["ndcg@5"]["mean"]
    plot = tmp_path / "curves.png"
    assert run(["evaluate", str(events), "--model", "popularity", "--plot", str(plot)]) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "command", ["demo", "fit", "evaluate", "recommend", "similar", "explain", "chat", "serve"]
)
def test_every_command_shows_an_example(command: str, capsys: Captured) -> None:
    assert run([command, "--help"]) == 0
    assert "Example" in capsys.readouterr().out


def _bad(table: pa.Table, folder: Path, **columns: object) -> str:
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    pq.write_table(table, folder / "bad.parquet")
    return str(folder / "bad.parquet")


WEIGHTS = {
    "all zero": (lambda size: np.zeros(size), "no weight above zero"),
    "NaN": (lambda size: np.r_[np.ones(size - 1), np.nan], "row 720: weight nan"),
    "infinite": (lambda size: np.r_[np.inf, np.ones(size - 1)], "row 1: weight inf"),
    "negative": (lambda size: np.r_[1, -1, np.ones(size - 2)], "row 2: weight -1.0"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_bad_weights(case: str, events: Path, tmp_path: Path, capsys: Captured) -> None:
    make, message = WEIGHTS[case]
    bad = _bad(pq.read_table(events), tmp_path, stars=make(720))
    _refused(
        ["fit", bad, "--weight-column", "stars", "--out", str(tmp_path / "m")], message, capsys
    )
    assert not (tmp_path / "m").exists()


def _refused(arguments: list[str], message: str, capsys: Captured) -> None:
    capsys.readouterr()
    status = run(arguments)
    printed = capsys.readouterr()
    assert status == 2, printed
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("alsatian: ")


def test_bad_files_and_columns(events: Path, tmp_path: Path, capsys: Captured) -> None:
    out = ["--out", str(tmp_path / "m")]
    (tmp_path / "empty.parquet").touch()
    (tmp_path / "empty.csv").touch()
    pq.write_table(pq.read_table(events).slice(0, 0), tmp_path / "no-rows.parquet")
    _refused(["fit", str(tmp_path / "none.parquet"), *out], "does not exist", capsys)
    _refused(["fit", str(tmp_path / "empty.parquet"), *out], "is empty (0 bytes)", capsys)
    _refused(["fit", str(tmp_path / "empty.csv"), *out], "is empty (0 bytes)", capsys)
    _refused(["fit", str(tmp_path / "no-rows.parquet"), *out], "has no rows", capsys)
    _refused(
        ["fit", str(events), "--user-column", "uid", *out],
        "no column 'uid'; its columns are: user_id, item_id, stars, at",
        capsys,
    )
    _refused(["fit", str(events), "--items", str(tmp_path / "x"), *out], "does not exist", capsys)
    assert not (tmp_path / "m").exists()


def test_bad_options(events: Path, model: Path, tmp_path: Path, capsys: Captured) -> None:
    fit = ["fit", str(events), "--out", str(tmp_path / "m")]
    _refused([*fit, "--factors", "0"], "factors", capsys)
    _refused([*fit, "--factors", "5000"], "4096", capsys)
    _refused([*fit, "--solver", "magic"], "cg", capsys)
    _refused([*fit, "--index", "magic"], "hnsw", capsys)
    _refused([*fit, "--duplicates", "magic"], "'sum', 'max' or 'last'", capsys)
    _refused([*fit, "--factors", "many"], "--help", capsys)
    _refused(["fit", str(events)], "--out", capsys)
    _refused(["fetch"], "No such command 'fetch'", capsys)
    lists = ["recommend", str(model), "--out", str(tmp_path / "lists")]
    _refused([*lists, "--n", "0"], "n is 0, expected a whole number of at least 1", capsys)
    _refused([*lists, "--memory", "much"], "much", capsys)
    _refused([*lists, "--engine", "spark"], "expected one of local, ray", capsys)
    _refused([*lists, "--users", str(tmp_path / "none.csv")], "none.csv", capsys)
    assert not (tmp_path / "lists").exists()


def test_unknown_ids(model: Path, capsys: Captured) -> None:
    _refused(["similar", str(model), "4040"], "unknown item '4040'", capsys)
    _refused(["explain", str(model), "nobody", "3"], "unknown user 'nobody'", capsys)
    _refused(["explain", str(model), "100", "x"], "unknown item 'x'", capsys)


def test_more_factors_than_memory_can_hold(tmp_path: Path, capsys: Captured) -> None:
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") > 60e9:
        pytest.skip("the 65 GB of factors asked for here would fit into this machine")
    wide = {"user_id": np.arange(2_000_000), "item_id": np.arange(2_000_000)}
    pq.write_table(pa.table(wide), tmp_path / "wide.parquet")
    arguments = ["fit", str(tmp_path / "wide.parquet"), "--factors", "4096"]
    _refused([*arguments, "--out", str(tmp_path / "m")], "available; use fewer factors", capsys)
    assert not (tmp_path / "m").exists()


def test_damaged_and_newer_models(model: Path, tmp_path: Path, capsys: Captured) -> None:
    import shutil

    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    factors = next(copy.glob("factors-*"))
    factors.write_bytes(factors.read_bytes()[:-7])
    _refused(["similar", str(copy), "3"], "is damaged", capsys)
    shutil.rmtree(copy)
    shutil.copytree(model, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "version": 99}))
    _refused(["recommend", str(copy), "--out", str(tmp_path / "l")], "upgrade alsatian", capsys)
    _refused(["similar", str(tmp_path / "none"), "3"], "alsatian fit", capsys)


def test_a_folder_that_holds_another_job(model: Path, tmp_path: Path, capsys: Captured) -> None:
    lists = ["recommend", str(model), "--out", str(tmp_path / "lists")]
    assert run([*lists, "--n", "3"]) == 0
    before = {file.name: file.read_bytes() for file in (tmp_path / "lists").iterdir()}
    _refused([*lists, "--n", "4"], str(tmp_path / "lists"), capsys)
    _refused([*lists, "--n", "4", "--resume"], str(tmp_path / "lists"), capsys)
    _refused([*lists, "--n", "3"], "--resume", capsys)
    after = {file.name: file.read_bytes() for file in (tmp_path / "lists").iterdir()}
    assert after == before
    _refused(["fit", str(model / "nothing"), "--out", str(tmp_path / "lists")], "no model", capsys)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    fit = ["fit", str(model / "nothing.parquet"), "--out", str(tmp_path / "mine")]
    _refused(fit, "no model", capsys)


def test_a_crash_of_our_own_exits_1(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """A defect, planted in the environment of a real process, is told apart from bad input."""
    code = (
        "import recsys.recommender as r, recsys.cli as c\n"
        "r.Recommender.similar_items = lambda *a, **k: 1 / 0\n"
        f"raise SystemExit(c.run(['similar', {str(model)!r}, '3']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("alsatian: internal error: ZeroDivisionError")
    assert "Traceback" not in done.stderr
    environment = {**os.environ, "ALSATIAN_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert "Traceback" in done.stderr


def test_a_reader_that_leaves_is_no_error(model: Path) -> None:
    command = f"{sys.executable} -m recsys.cli similar {model} 3 --n 30"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        ["bash", "-c", f"{command} > /dev/full"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_string_ids_of_a_csv(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "e.csv").write_text("user_id,item_id\n007,1\n7,1\n7,2\n")
    arguments = ["fit", str(tmp_path / "e.csv"), "--factors", "2", "--json"]
    assert run([*arguments, "--out", str(tmp_path / "a")]) == 0
    assert json.loads(capsys.readouterr().out)["users"] == 1
    assert run([*arguments, "--out", str(tmp_path / "b"), "--string-ids"]) == 0
    assert json.loads(capsys.readouterr().out)["users"] == 2
