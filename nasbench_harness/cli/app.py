"""The command line: the tree of its verbs, and ``main``, which turns errors into exit codes.

Each verb parses, calls and prints: results on stdout (``--json`` everywhere), the rest on stderr. Heavy modules are
imported inside the verbs, so that ``--help``, ``score`` and ``figures`` start without torch.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Literal

from cyclopts import App, CycloptsError

from nasbench_harness._version import __version__
from nasbench_harness.cli import baseline, data, latency, latency_compare, plugins, results, search, stored, truth
from nasbench_harness.cli.catalogue import ls
from nasbench_harness.cli.compare import compare
from nasbench_harness.cli.doctor import doctor
from nasbench_harness.cli.examples import epilogue
from nasbench_harness.cli.fuse import fuse
from nasbench_harness.cli.options import Json
from nasbench_harness.cli.output import emit
from nasbench_harness.cli.predict import predict
from nasbench_harness.cli.report import report
from nasbench_harness.cli.run import run
from nasbench_harness.cli.score import score
from nasbench_harness.cli.status import status
from nasbench_harness.cli.streams import drop_stdout, prepare_streams
from nasbench_harness.cli.sweep import sweep
from nasbench_harness.cli.tables import with_files
from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.system.faults import told

PURPOSE = "Does a way of partitioning a weight-sharing supernet rank architectures better? Measured on NAS-Bench-201."
EXIT_CODES = (
    "Exit codes: 0 done, 1 regression found, 2 wrong usage, 3 data missing or corrupt, 4 a run failed, "
    "75 stopped on request, 130 interrupted."
)

LONGEST_LINE = 2_000
"""Characters of an error: some name what they found, and that may be of any length."""


def completion(shell: Literal["bash", "zsh", "fish"], /, *, json: Json = False) -> None:
    """Print the script that completes verbs and options in a shell.

    bash: ``~/.local/share/bash-completion/completions/nasbench-harness``. zsh: ``_nasbench-harness`` in a folder of
    ``$fpath``. fish: ``~/.config/fish/completions/nasbench-harness.fish``.

    Parameters
    ----------
    shell
        bash, zsh or fish.
    """
    script = command_line().generate_completion(shell=shell)
    if json:
        emit({"shell": shell, "script": script}, json, lambda console: None)
    else:
        print(script, end="" if script.endswith("\n") else "\n")


Verbs = dict[str, Callable[..., None]]

VERBS: Verbs = {
    "run": run,
    "status": status,
    "leaderboard": results.leaderboard,
    "figures": results.figures,
    "report": report,
    "sweep": sweep,
    "compare": compare,
    "score": score,
    "fuse": fuse,
    "predict": predict,
    "search": search.search,
    "prune": search.prune,
    "ls": ls,
    "doctor": doctor,
    "check": plugins.check,
    "new": plugins.new,
    "completion": completion,
}
GROUPS: dict[str, tuple[str, Verbs]] = {
    "truth": (
        "Ground-truth tables: import, look into, compare, export, query, build, verify.",
        {
            "import": truth.import_source,
            "info": truth.info,
            "compare": truth.compare,
            "export": truth.export,
            "query": truth.query,
            "build": truth.build,
            "verify": truth.verify,
        },
    ),
    "latency": (
        "Latency tables: import, measure, fit a predictor, plan what to measure, info.",
        {
            "import": latency.import_source,
            "measure": latency.measure,
            "fit": latency.fit,
            "plan": latency.plan,
            "info": latency.info,
            "residuals": latency_compare.residuals,
            "matrix": latency_compare.matrix,
        },
    ),
    "results": (
        "Stored records: list them, look into one, compute their numbers again, protect or remove them.",
        {"ls": stored.ls, "show": stored.show, "verify": stored.verify, "protect": stored.protect, "rm": stored.rm},
    ),
    "baseline": (
        "What candidates are compared with: make baselines of a run, list them, look into one.",
        {"update": baseline.update, "ls": baseline.ls, "show": baseline.show},
    ),
    "data": (
        "Real data: fetch it, add what is on disk, list it, find it.",
        {"fetch": data.fetch, "add": data.add, "ls": data.ls, "where": data.where},
    ),
}


def command_line() -> App:
    """The tree of verbs, ready to parse."""
    app = App(
        name="nasbench-harness",
        help=PURPOSE,
        version=__version__,
        help_epilogue=EXIT_CODES,
        help_format="plaintext",  # of the first page alone (see below): markdown takes 50 ms to import
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for name, verb in VERBS.items():
        app.command(verb, name=name, help_epilogue=epilogue(name, EXIT_CODES))
    for name, (purpose, verbs) in GROUPS.items():
        group = App(name=name, help=purpose)
        for below, verb in verbs.items():
            group.command(verb, name=below, help_epilogue=epilogue(f"{name} {below}", EXIT_CODES))
        app.command(group)
    for name in app.resolved_commands():
        app[name].help_format = "markdown"
    return app


app = command_line()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code; every expected error is one line on stderr."""
    prepare_streams()
    code = _run(sys.argv[1:] if arguments is None else list(arguments))
    try:
        sys.stdout.flush()  # now, so that a full disk behind it is told and not found out at the exit
    except BrokenPipeError:
        drop_stdout()
    except OSError as error:
        drop_stdout()
        return _fail(f"cannot write the result to stdout: {error.strerror}", RunError.exit_code)
    return code


def _run(arguments: list[str]) -> int:
    try:
        app(with_files(arguments), print_error=False, exit_on_error=False)
    except CycloptsError as error:
        return _fail(error, UsageError.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; finished units and checkpoints are kept, the same command resumes", 130)
    except BrokenPipeError:
        drop_stdout()  # its reader has seen enough
    except BaseException as error:
        piped = isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError)
        if piped:
            drop_stdout()  # rich ends so behind a page of help
        if piped or (isinstance(error, SystemExit) and error.code in (None, 0)):
            return 0
        line = told(error)
        if line is not None:
            return _fail(line, line.exit_code)
        # a fault of the harness itself: its traceback is the report, and 1 would claim a regression
        traceback.print_exc()
        return _fail("this is a fault of nasbench-harness; please report the lines above", 4)
    return 0


def _fail(error: object, code: int) -> int:
    """The error as one line of printable characters, the middle of a long one left out."""
    text = " ".join(str(error).split())
    text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    if len(text) > LONGEST_LINE:
        text = f"{text[: LONGEST_LINE // 2]} [...] {text[-LONGEST_LINE // 2 :]}"
    print(f"nasbench-harness: {text}", file=sys.stderr)
    return code
