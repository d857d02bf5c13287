"""Conversations with users of MovieLens 1M, every reply under an independent judge.

Three turns each, openings and answers over all acts, English and some Chinese, with hostile texts
mixed into the items. The judge (:mod:`benchmarks.judge`) knows catalogue, history and talk, and no
line of the engine: what it finds without ground is counted and shown. What is recommended is
compared with what the opening asked for. Each reply of a template has to say why it is one.

``--llm`` chooses who words the replies: ``embedded``, ``none``, a ``.gguf`` file, ``loopback`` (the
packaged model behind an OpenAI-compatible address), ``URL#model`` (any such address; its key from
the variable ``ALSATIAN_API_KEY``), or ``hostile`` (a server that answers with junk and lies).

Run: python -m benchmarks.conversations --n 100
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.hostile_items import hostile_items
from benchmarks.hostile_server import HostileServer
from benchmarks.judge import Finding, Judge, spoken
from benchmarks.loopback import Loopback
from benchmarks.talks import expected, make_talks
from llm_layer import Concierge, EmbeddedLLM, OpenAICompatible, Reply
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.recommender import Recommender

_SET_ASIDE = re.compile(r"set aside|found (?:no|nothing)|放宽|没有找到", re.I)


@dataclass
class Talk:
    """One conversation, held and judged.

    Attributes
    ----------
    user : Any
        Id; None for a stranger.
    messages : list of str
        What the visitor says.
    replies : list of Reply
        One for each message, fewer after a crash.
    findings : list of list of Finding
        What the judge found in each reply.
    unmet : list
        Ids recommended on the opening that are not what it asks for.
    crash : str
        An exception, empty where there was none.
    """

    user: Any
    messages: list[str]
    replies: list[Reply] = field(default_factory=list)
    findings: list[list[Finding]] = field(default_factory=list)
    unmet: list[Any] = field(default_factory=list)
    crash: str = ""


def load(
    data: Path, *, tiny: bool = False, hostile: float = 0.0, seed: int = 0
) -> tuple[Recommender, pa.Table]:
    """A recommender over MovieLens 1M, and its item table.

    Parameters
    ----------
    data : Path
        Folder with items.parquet and interactions.parquet.
    tiny : bool
        Over the first 300 users only.
    hostile : float
        Share of items whose texts become hostile.
    seed : int
        Of the hostile texts.
    """
    items = pq.read_table(data / "items.parquet")
    if hostile:
        items = hostile_items(items, random.Random(seed), hostile)
    events = pq.read_table(data / "interactions.parquet")
    if tiny:
        events = events.filter(pc.less_equal(events["user_id"], 300))
    model = AlternatingLeastSquares(
        factors=16 if tiny else 64, iterations=3 if tiny else 12, random_state=1
    )
    return Recommender.fit(Interactions.from_frame(events), items=items, model=model), items


def hold(concierge: Concierge, talk: Talk, judge: Judge) -> Talk:
    """Hold a conversation and judge it."""
    history: list[Any] = []
    try:
        conversation = concierge.open(talk.user)
        if talk.user is not None:
            history = concierge.rec.history(talk.user).column("item_id").to_pylist()
        for message in talk.messages:
            talk.replies.append(conversation.say(message))
    except Exception as error:  # whatever it is, it is counted
        talk.crash = f"{type(error).__name__}: {error}"
    turns = spoken(history, talk.messages, talk.replies)
    talk.findings = [judge.findings(turn) for turn in turns]
    if talk.replies:
        talk.unmet = unmet(talk.messages[0], talk.replies[0], judge)
    return talk


def unmet(message: str, reply: Reply, judge: Judge) -> list[Any]:
    """Recommended items that are not what an opening asks for, where that is not said."""
    wish = expected(message)
    if wish is None or _SET_ASIDE.search(reply.text):
        return []
    items = judge.catalogue.items
    return [i for i in reply.recommended if not wish.holds(items[i].year, items[i].genres)]


def summary(talks: Iterable[Talk]) -> dict[str, Any]:
    """Figures of all conversations."""
    talks = list(talks)
    replies = [reply for talk in talks for reply in talk.replies]
    said = [
        (talk.messages[: at + 1], talk.replies[at], found)
        for talk in talks
        for at, found in enumerate(talk.findings)
    ]
    by_template = [reply for reply in replies if reply.writer == "template"]
    asked = [reply for reply in replies if reply.attempts]
    wrong = [
        {
            "said": messages,
            "text": reply.text,
            "writer": reply.writer,
            "found": list(map(str, found)),
        }
        for messages, reply, found in said
        if found
    ]
    faults = Counter(_short(each.fault) for r in replies for each in r.attempts if each.fault)
    return {
        "replies": len(replies),
        "ungrounded": sum(len(found) for *_, found in said),
        "ungrounded_replies": len(wrong),
        "ungrounded_by_kind": dict(Counter(each.kind for *_, found in said for each in found)),
        "wrong": wrong,
        "crashes": [talk.crash for talk in talks if talk.crash],
        "unexplained": [reply.text for reply in by_template if not reply.reason],
        "unmet": [
            {"said": talk.messages[0], "text": talk.replies[0].text, "items": talk.unmet}
            for talk in talks
            if talk.unmet
        ],
        "not_grounded": sum(not reply.grounding.ok for reply in replies),
        "claims": sum(len(reply.grounding.claims) for reply in replies),
        "items_named": sum(len(reply.items) for reply in replies),
        "by_llm": sum(reply.writer == "llm" for reply in replies),
        "llm_asked": len(asked),
        "by_language": {
            language: {
                "replies": sum(reply.language == language for reply in replies),
                "by_llm": sum(r.language == language and r.writer == "llm" for r in replies),
            }
            for language in sorted({reply.language for reply in replies})
        },
        "template_reasons": dict(Counter(_short(r.reason) for r in by_template).most_common()),
        "attempt_faults": dict(faults.most_common()),
        "distinct_llm_texts": len({_skeleton(r.text) for r in replies if r.writer == "llm"}),
        "milliseconds": _milliseconds(replies, asked),
    }


def _milliseconds(replies: list[Reply], asked: list[Reply]) -> dict[str, list[float]]:
    """Median, 95th and 99th percentile of every stage, and of replies a model was asked for."""
    stages: dict[str, list[float]] = {}
    for reply in replies:
        for stage, spent in reply.timings.items():
            stages.setdefault(stage, []).append(spent)
    if asked:
        for stage in ("first_token", "total"):
            spent = [r.timings[stage] for r in asked if stage in r.timings]
            if spent:
                stages[f"{stage}, model asked"] = spent
    return {
        stage: [float(each) for each in np.percentile(spent, (50, 95, 99))]
        for stage, spent in stages.items()
    }


def _short(reason: str) -> str:
    """A reason without the words it quotes, so that alike ones are counted together."""
    reason = re.sub(r"“[^”]*”", "…", reason)
    return re.sub(r"\d+(\.\d+)?", "#", reason)[:120]


def _skeleton(text: str) -> str:
    """Words around the titles, to count how many different ones there are."""
    return re.sub(r"“[^”]*”( \(\d{4}\))?", "…", text)


@contextmanager
def language_model(spec: str, *, seed: int, timeout: float) -> Iterator[Any]:
    """Who words the replies, as ``--llm`` names it."""
    if spec == "none":
        yield None
    elif spec == "hostile":
        with HostileServer(seed, drip=timeout * 2) as server:
            yield server.client(timeout=timeout / 2)
    elif spec == "loopback":
        with Loopback() as served:
            yield served.client(timeout=timeout)
    elif "://" in spec:
        url, _, model = spec.partition("#")
        yield OpenAICompatible(url, model, os.environ.get("ALSATIAN_API_KEY"), timeout=timeout)
    else:
        llm = EmbeddedLLM(None if spec == "embedded" else spec)
        llm.load()
        yield llm


def run(
    data: Path,
    n: int,
    seed: int,
    llm: Any,
    *,
    tiny: bool = False,
    hostile: float = 0.0,
    workers: int = 1,
    timeout: float = 20.0,
    log: Path | None = None,
) -> tuple[dict[str, Any], list[Talk]]:
    """Hold `n` conversations; figures, and all of them.

    Parameters
    ----------
    data : Path
        Folder of MovieLens 1M.
    n, seed : int
        How many, and of which choices.
    llm : LLM or None
        Who words the replies.
    tiny, hostile
        See :func:`load`.
    workers : int
        Conversations at the same time.
    timeout : float
        Seconds for one request to the language model.
    log : Path, optional
        Where each conversation is written as it ends, a JSON object per line.
    """
    recommender, items = load(data, tiny=tiny, hostile=hostile, seed=seed)
    rng, judge = random.Random(seed), Judge(items)
    titles = items["title"].to_pylist()
    people = sorted({item for each in judge.catalogue.items.values() for item in each.actors})
    users = rng.choices(recommender.users.ids.to_pylist(), k=n)
    talks = [
        Talk(user if rng.random() < 0.9 else None, messages)
        for user, messages in zip(users, make_talks(n, titles, people, rng), strict=True)
    ]
    concierge = Concierge(recommender, llm, timeout=timeout)
    begun = time.perf_counter()
    done = []
    with ThreadPoolExecutor(workers) as pool:
        for talk in pool.map(lambda each: hold(concierge, each, judge), talks):
            done.append(talk)
            _note(log, talk)
            if len(done) % 50 == 0:
                spent = time.perf_counter() - begun
                wrong = sum(map(len, (found for each in done for found in each.findings)))
                print(f"{len(done)} held, {spent:.0f} s, {wrong} ungrounded", file=sys.stderr)
    seconds = time.perf_counter() - begun
    facts = summary(done)
    return {
        "conversations": n,
        "seed": seed,
        "llm": llm.name if llm is not None else "templates only",
        "threads": getattr(llm, "threads", 0),
        "workers": workers,
        "hostile": hostile,
        "cores": os.cpu_count(),
        "seconds": seconds,
        "replies_per_second": facts["replies"] / seconds,
        **facts,
    }, done


def _note(log: Path | None, talk: Talk) -> None:
    if log is None:
        return
    replies = [
        {
            "said": message,
            "text": reply.text,
            "writer": reply.writer,
            "reason": reply.reason,
            "attempts": [asdict(attempt) for attempt in reply.attempts],
            "findings": [asdict(each) for each in found],
        }
        for message, reply, found in zip(talk.messages, talk.replies, talk.findings, strict=False)
    ]
    line = {"user": talk.user, "crash": talk.crash, "replies": replies}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")


def report(facts: dict[str, Any], show: int = 10) -> str:
    """Figures for people."""
    share = facts["by_llm"] / max(1, facts["replies"])
    lines = [
        f"{facts['conversations']} conversations, {facts['replies']} replies, seed "
        f"{facts['seed']}, {facts['llm']}, {facts['threads']} decoding thread(s), "
        f"{facts['workers']} at once, hostile texts in {facts['hostile']:.0%} of the items, "
        f"{facts['cores']} cores, Python {platform.python_version()}",
        f"{facts['seconds']:.0f} s, {facts['replies_per_second']:.2f} replies a second",
        f"ungrounded claims found by the judge: {facts['ungrounded']} in "
        f"{facts['ungrounded_replies']} replies {facts['ungrounded_by_kind'] or ''} "
        f"({facts['items_named']} items named)",
        f"not grounded by the engine's own check: {facts['not_grounded']} replies "
        f"({facts['claims']} claims checked)",
        f"openings not met, and not said so: {len(facts['unmet'])}",
        f"crashes: {len(facts['crashes'])}; templates without a reason: "
        f"{len(facts['unexplained'])}",
        f"written by the language model: {share:.1%} of all replies, "
        f"{facts['by_llm'] / max(1, facts['llm_asked']):.1%} of those it was asked for; "
        f"{facts['distinct_llm_texts']} different wordings",
    ]
    lines += [
        f"  {language}: {each['replies']} replies, {each['by_llm']} by the language model"
        for language, each in facts["by_language"].items()
    ]
    lines.append("template because:")
    lines += [f"  {count:4d}  {reason}" for reason, count in facts["template_reasons"].items()]
    lines.append("fault of an attempt:")
    lines += [f"  {count:4d}  {fault}" for fault, count in facts["attempt_faults"].items()]
    lines.append(f"{'ms':>24}  {'median':>8}  {'p95':>8}  {'p99':>8}")
    for stage, (median, p95, p99) in facts["milliseconds"].items():
        lines.append(f"{stage:>24}  {median:8.1f}  {p95:8.1f}  {p99:8.1f}")
    examples = (*facts["wrong"], *facts["unmet"], *facts["crashes"], *facts["unexplained"])
    lines += [f"  WRONG {each}" for each in examples[:show]]
    return "\n".join(lines)


def main() -> int:
    """Parse the command line, run, print; 1 where something is not as promised."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("ALSATIAN_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=default / "ml-1m")
    parser.add_argument("--n", type=int, help="conversations; 100, with --tiny 2")
    parser.add_argument("--seed", type=int, default=20240601)
    parser.add_argument("--llm", default="embedded", help="see above")
    parser.add_argument("--workers", type=int, default=1, help="conversations at the same time")
    parser.add_argument("--hostile", type=float, default=0.1, metavar="SHARE", help="of the items")
    parser.add_argument("--timeout", type=float, help="seconds a request; 20, hostile server 2")
    parser.add_argument("--tiny", action="store_true", help="few users, few factors")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--log", type=Path, help="write every conversation there, as it ends")
    parser.add_argument("--show", type=int, default=0, help="print so many conversations")
    options = parser.parse_args()
    timeout = options.timeout or (2.0 if options.llm == "hostile" else 20.0)
    with language_model(options.llm, seed=options.seed, timeout=timeout) as llm:
        facts, talks = run(
            options.data,
            options.n or (2 if options.tiny else 100),
            options.seed,
            llm,
            tiny=options.tiny,
            hostile=options.hostile,
            workers=options.workers,
            timeout=timeout,
            log=options.log,
        )
    for talk in talks[: options.show]:
        for message, reply in zip(talk.messages, talk.replies, strict=False):
            print(f"> {message}\n{reply.text}\n[{reply.writer}] {reply.reason}\n")
    print(report(facts))
    if options.json:
        options.json.write_text(json.dumps(facts, ensure_ascii=False, indent=2, default=str))
    failed = ("ungrounded", "not_grounded", "crashes", "unexplained", "unmet")
    return 1 if any(facts[name] for name in failed) else 0


if __name__ == "__main__":
    sys.exit(main())
