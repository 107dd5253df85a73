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
    # only with --trust, which says so
    ("truth/importers/official/load.py", "pickle.load"),
    ("truth/importers/official/load.py", "torch.load"),
}
CALLS = {
    *("eval", "exec", "pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load", "marshal.load", "marshal.loads"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "shelve.open", "joblib.load"),
    *("pandas.read_pickle", "dill.load", "dill.loads", "cloudpickle.load", "cloudpickle.loads", "yaml.load"),
}


def test_nothing_else_in_the_package_runs_what_it_reads() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            place = path.relative_to(PACKAGE).as_posix()
            if name in CALLS or name.startswith(("pickle.Unpickler", "_pickle.")):
                found.add((place, name))
            for keyword in node.keywords if isinstance(node, ast.Call) else []:
                if keyword.arg in ("shell", "allow_pickle") and ast.unparse(keyword.value) != "False":
                    found.add((place, f"{keyword.arg}={ast.unparse(keyword.value)}"))
    assert found == ALLOWED


def test_names_are_not_hidden_by_imports() -> None:
    """``from pickle import loads`` would pass the test above."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module in ("pickle", "marshal", "shelve", "_pickle"):
                raise AssertionError(f"{path}: import the module {node.module}, not names from it")
