"""Where and when a record was made: what every file in ``results`` states beside its figures."""


def provenance():
    """Return date, commit, processor, cores and versions."""
    import os
    import subprocess
    from datetime import UTC, datetime

    import sparsesci

    here = os.path.dirname(os.path.abspath(__file__))
    describe = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(describe, cwd=here, capture_output=True, text=True, check=False)
    config = sparsesci.show_config()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip() or None,
        "cpu": config.cpu,
        "cores": os.cpu_count(),
        "versions": config.versions,
    }


def write(record):
    """Write a record as JSON to the standard output."""
    import json
    import sys

    json.dump(record, sys.stdout, indent=2)
    sys.stdout.write("\n")
