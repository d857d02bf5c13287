"""Files of training messages, and what the training command refuses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from llm_layer.intents import train
from llm_layer.intents.messages import Message, read_messages, shipped_files
from llm_layer.understanding.request import Act
from recsys.errors import InvalidInputError

GOOD = "language\tcontext\tact\ttext\n# a comment\nen\tafter_list\taccept\tthat one, please\n"


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.tsv"
    file.write_text(GOOD, "utf-8")
    assert read_messages([file]) == [Message("that one, please", "accept", "en", True)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("en\tstart\tgreet", "line 4: 3 columns, expected"),
        ("fr\tstart\tgreet\tsalut", "line 4: language 'fr', expected one of"),
        ("en\tlater\tgreet\thi", "line 4: context 'later', expected one of"),
        ("en\tstart\tsing\tlala", "line 4: act 'sing', expected one of"),
        ("en\tstart\tgreet\t ", "line 4: no text"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, found: str) -> None:
    file = tmp_path / "mine.tsv"
    file.write_text(GOOD + line + "\n", "utf-8")
    with pytest.raises(InvalidInputError, match=found):
        read_messages([file])
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        read_messages([file])


def test_every_act_is_written_often_enough_in_both_languages() -> None:
    counts = Counter((each.language, each.act) for each in read_messages(shipped_files()))
    few = {(lang, act) for lang in ("en", "zh") for act in get_args(Act) if counts[lang, act] < 60}
    assert not few


def test_own_messages_never_replace_the_shipped_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.tsv"
    file.write_text(GOOD, "utf-8")
    before = train.SHIPPED.read_bytes()
    assert train.main(["--messages", str(file)]) == 2
    assert capsys.readouterr().err.startswith("error: --messages needs --out")
    assert train.main(["--messages", str(tmp_path / "none.tsv"), "--out", str(file)]) == 2
    assert train.SHIPPED.read_bytes() == before


def test_own_items_need_titles(tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("item_id,title,genres\n007,Bread,Baking\n", "utf-8")
    table = train.own_items(file)
    assert table["item_id"].to_pylist() == [0]
    reader = train.reader_of(table)
    seen = reader.observed("tell me about Bread")
    assert seen is not None
    assert "<item>" in seen.shape
    file.write_text("item_id,name\n007,Bread\n", "utf-8")
    with pytest.raises(InvalidInputError, match="expected one called 'title'"):
        train.own_items(file)
