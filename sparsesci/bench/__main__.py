"""``python -m sparsesci.bench run krylov`` is ``sparsesci bench run krylov`` without the console script."""

import sys

from .cli import main

if __name__ == "__main__":
    main(["bench", *sys.argv[1:]])
