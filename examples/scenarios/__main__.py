"""Hold the conversations of the scenarios and check what is expected of them.

Run: python -m examples.scenarios [NAME ...] [--llm none|embedded|FILE.gguf|URL#model] [--show]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from examples.scenarios.business import BUSINESSES
from examples.scenarios.talks import Held, Listener, read_talks
from llm_layer import Concierge
from llm_layer.cli import language_model, verdict
from llm_layer.llm.base import LLM
from recsys.errors import AlsatianError

# With --tiny: talks of each language, and users.
_TINY_TALKS, _TINY_USERS = 2, 80


def run(name: str, llm: LLM | None, *, tiny: bool = False) -> list[Held]:
    """Hold the talks of one scenario.

    Parameters
    ----------
    name : str
        Of the scenario.
    llm : LLM or None
        Who words the replies.
    tiny : bool
        The first two talks of each language, on events of fewer users.
    """
    business = BUSINESSES[name]
    rec = business.fit(users=_TINY_USERS) if tiny else business.fit()
    talks = read_talks(business.folder / "talks.toml")
    listener = Listener(Concierge(rec, llm, domain=business.domain()), talks)
    chosen = []
    for language in ("en", "zh"):
        spoken = [talk for talk in talks.talks if talk.language == language]
        chosen += spoken[:_TINY_TALKS] if tiny else spoken
    return [held for talk in chosen for held in listener.hold(talk)]


def figures(held: Sequence[Held]) -> dict[str, Any]:
    """What a scenario came to."""
    times = [each.reply.timings["total"] for each in held]
    total = sum(len(each.verdicts) for each in held)
    return {
        "talks": len({each.talk.name for each in held}),
        "turns": len(held),
        "expectations": total,
        "met": total - sum(len(each.failures) for each in held),
        "llm_share": sum(each.reply.writer == "llm" for each in held) / max(1, len(held)),
        "p50_ms": float(np.median(times)),
        "max_ms": float(np.max(times)),
        "failures": [
            {
                "talk": each.talk.name,
                "say": each.turn.say,
                "expected": failure.expected,
                "found": failure.found,
                "reply": each.reply.text,
            }
            for each in held
            for failure in each.failures
        ],
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """Figures for people."""
    head = f"{'scenario':<11}{'talks':>6}{'turns':>7}{'expectations met':>18}"
    lines = [f"{head}{'by the LLM':>12}{'p50':>10}{'max':>10}"]
    for name, result in results.items():
        met = f"{result['met']} of {result['expectations']}"
        lines.append(
            f"{name:<11}{result['talks']:>6}{result['turns']:>7}{met:>18}"
            f"{result['llm_share']:>12.0%}{result['p50_ms']:>7.1f} ms{result['max_ms']:>7.1f} ms"
        )
    return "\n".join(lines)


def show(held: Sequence[Held]) -> str:
    """The conversations as they were held."""
    lines: list[str] = []
    talk = None
    for each in held:
        if each.talk is not talk:
            talk = each.talk
            lines.append(f"\n--- {talk.name} ({talk.language})")
        lines += [f"> {each.turn.say}", each.reply.text, verdict(each.reply)]
        lines += [f"[NOT MET: {one.expected} ({one.found})]" for one in each.failures]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, hold the talks, print; 1 where an expectation is not met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BUSINESSES))
    parser.add_argument("--llm", default="none", help="none, embedded, a .gguf file or URL#model")
    parser.add_argument("--show", action="store_true", help="print the conversations")
    parser.add_argument("--tiny", action="store_true", help="a few talks of each scenario")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BUSINESSES]:
        parser.error(f"there is no scenario {unknown[0]!r}; expected {', '.join(BUSINESSES)}")
    address, _, model = options.llm.partition("#")
    try:
        writer = language_model(address, model, os.environ.get("OPENAI_API_KEY"), 20.0)
    except AlsatianError as error:
        parser.error(str(error))
    results = {}
    for name in options.names or BUSINESSES:
        held = run(name, writer, tiny=options.tiny)
        results[name] = figures(held)
        if options.show:
            print(f"\n=== {name}{show(held)}")
    print(table(results))
    for name, result in results.items():
        for failure in result["failures"]:
            print(f"FAILED {name}, {failure['talk']}, {failure['say']!r}: "
                  f"expected: {failure['expected']}; {failure['found']}")  # fmt: skip
    if options.json:
        text = json.dumps({"llm": options.llm, "scenarios": results}, ensure_ascii=False, indent=2)
        options.json.write_text(text, "utf-8")
    return 1 if any(result["failures"] for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
