"""The command ``alsatian``.

Every command raises the project's own errors; :func:`main` turns them into one line and exit
status 2. Anything else is a crash: exit status 1, and a traceback with ``--debug``. Further
packages add commands through the entry-point group ``alsatian.commands``.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer

from recsys.commands.batch import Terminated, recommend
from recsys.commands.looking import explain, similar
from recsys.commands.options import Seed
from recsys.commands.training import evaluate, fit
from recsys.errors import AlsatianError, ClusterError, StorageError

app = typer.Typer(
    name="alsatian",
    help="Recommender-first engine: fit factors, recommend to everyone, explain, converse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
# Typer brings its own copy of click or the real one, by version; its exceptions lead to either.
_UsageError: Any = typer.BadParameter.__base__
_state = {"debug": False}


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    _state["debug"] = debug or bool(os.environ.get("ALSATIAN_DEBUG"))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the model and the lists.")] = Path("out"),
    llm: Annotated[str, typer.Option(help="embedded, or none for templates only.")] = "embedded",
    seed: Seed = 7,
) -> None:
    """The main job on MovieLens 100K: fetch, fit, evaluate, recommend to all, converse.

    Example: alsatian demo --out out
    """
    from recsys.demo import run_demo

    run_demo(out, llm=llm, seed=seed)


for _command in (fit, evaluate, recommend, similar, explain):
    app.command()(_command)


def load_plugins() -> None:
    """Let other packages add their commands to :data:`app`."""
    for plugin in entry_points(group="alsatian.commands"):
        plugin.load()(app)


def main() -> None:
    """Run the command line and exit.

    0 done, 1 a crash, 2 bad input or usage, 3 disk, store or cluster refused, 130 interrupted, 143
    terminated.
    """
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line over `arguments` and return the exit status."""
    _state["debug"] = "--debug" in arguments[:1] or bool(os.environ.get("ALSATIAN_DEBUG"))
    try:
        load_plugins()
        status = app(arguments, prog_name="alsatian", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except (StorageError, ClusterError) as error:
        return _fail(str(error), error, 3)
    except AlsatianError as error:
        return _fail(str(error), error, 2)
    except _UsageError as error:
        return _fail(f"{error.format_message()} (see --help)", error, 2)
    except Terminated as error:
        return _fail("terminated", error, 143)
    except (KeyboardInterrupt, typer.Abort) as error:
        return _fail("interrupted", error, 130)
    except BrokenPipeError:
        return _nobody_reads()
    except SystemExit as error:  # typer's own answer to a broken pipe
        if isinstance(error.__context__, BrokenPipeError):
            return _nobody_reads()
        raise
    except OSError as error:  # writing to our own output
        return _fail(f"cannot write the output: {error.strerror or error}", error, 2)
    except Exception as error:
        hint = "" if _state["debug"] else "; run 'alsatian --debug ...' for the traceback"
        return _fail(f"internal error: {type(error).__name__}: {error}{hint}", error, 1)


def _nobody_reads() -> int:
    """Whoever read our output has left: no error, and nothing more to say."""
    # Python flushes at exit and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _fail(message: str, error: BaseException, status: int) -> int:
    if _state["debug"]:
        import traceback

        traceback.print_exception(error)
    sys.stderr.write(f"alsatian: {' '.join(message.split())}\n")
    return status


if __name__ == "__main__":
    main()
