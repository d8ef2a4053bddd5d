"""The console script ``sparsesci``: the commands, or one line that says how to install what they need."""

from __future__ import annotations

import sys
from collections.abc import Sequence

EXTRA = ("click", "rich")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line ``sparsesci``; ``arguments`` default to those of the process."""
    try:
        from .commands import sparsesci
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in EXTRA:  # a broken installation is not a missing extra
            raise
        sys.exit(f"the command line of sparsesci needs {' and '.join(EXTRA)}: pip install 'sparsesci[bench]'")
    sparsesci(arguments, prog_name="sparsesci")
