"""Which commit the code is of: that of its checkout, or the one that its wheel was built from. Free of imports of ours,
for the build of the wheel uses it too."""

from __future__ import annotations

import subprocess
from pathlib import Path

CHANGED = "+changed"
BUILT_FROM = "built_from"
"""File of an installed package with the commit of the checkout that its wheel was built in."""


def source_commit() -> str | None:
    """Commit of the source tree, ``+changed`` appended when the package differs from it; None where nobody knows."""
    package = Path(__file__).resolve().parents[1]
    if (package.parent / ".git").exists() and (package.parent / "pyproject.toml").is_file():
        return _of_checkout(package.parent)
    try:
        return (package / BUILT_FROM).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def _of_checkout(root: Path) -> str | None:
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "nasbench_harness")
    return commit + (CHANGED if changed else "")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
