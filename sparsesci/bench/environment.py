"""Where and with what a benchmark was run, for its record."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import sparsesci
from sparsesci._lib.config import cpu_name

CORE = ("numpy", "scipy", "numba")


def environment(peers: Iterable[str | None] = ()) -> dict[str, Any]:
    """Return the versions, also those of ``peers``, the processor, date and commit, in types that JSON has."""
    versions = {"sparsesci": sparsesci.__version__, "python": platform.python_version()}
    versions |= {name: version_of(name) for name in dict.fromkeys([*CORE, *filter(None, peers)])}
    return {
        "versions": versions,
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": source_commit(Path(sparsesci.__file__).parent),
    }


def version_of(package: str) -> str:
    """Return the version of an installed package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def source_commit(folder: Path) -> str | None:
    """Return the git commit of the tree that tracks ``folder``, with "-dirty" after changes to it; None without one.

    A package that is installed inside the checkout of another project is not tracked by it.
    """
    tracked = _git(folder, "ls-files", "--", "__init__.py")
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") if tracked else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):  # no git, no repository, no commit yet
        return None
    return done.stdout.strip() or None
