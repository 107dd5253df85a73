"""Nothing that a file says is run: where the package calls what could, and that it does so nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import nasbench_harness

PACKAGE = Path(nasbench_harness.__file__).parent

ALLOWED = {
    # a user's own plug-in file, which is code by its nature
    ("plugins.py", "exec"),
    ("testing/worker.py", "exec"),
    # what this program packed itself, in memory, for a process that it started
    ("strategies/parallel.py", "pickle.loads"),
    ("testing/worker.py", "pickle.loads"),
    # the name of a shell that a script of completions is written for, not a command
    ("cli/app.py", "shell=shell"),
    # only with --trust, which says so
    ("truth/importers/official/load.py", "pickle.load"),
    ("truth/importers/official/load.py", "torch.load"),
}
CALLS = {
    *("eval", "exec", "pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load", "marshal.load", "marshal.loads"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "shelve.open", "joblib.load"),
    *("pandas.read_pickle", "dill.load", "dill.loads", "cloudpickle.load", "cloudpickle.loads", "yaml.load"),
}


def dotted(node: ast.expr) -> str:
    """A name with its module, such as ``pickle.load``; of other expressions only the last attribute."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_nothing_else_in_the_package_runs_what_it_reads() -> None:
    """By its module's name: ``from pickle import loads`` would hide what is called, so names are not imported."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("pickle", "_pickle", "marshal", "shelve"), f"{place} hides what it calls"
            if not isinstance(node, ast.Call):
                continue
            if (name := dotted(node.func)) in CALLS:
                found.add((place, name))
            for keyword in node.keywords:
                if keyword.arg in ("shell", "allow_pickle") and ast.unparse(keyword.value) != "False":
                    found.add((place, f"{keyword.arg}={ast.unparse(keyword.value)}"))
    assert found == ALLOWED
