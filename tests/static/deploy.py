"""``collectstatic`` in a process of its own; see project.py for what it is told."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command


def main() -> None:
    """Run it, and die where that was asked for."""
    told = json.loads(sys.argv[1])
    django.setup()

    from storages import events
    from tests.static.project import configured

    writes = 0

    def count(event: events.Operation, **_: Any) -> None:
        nonlocal writes
        writes += event.operation == "write"
        if told["die_after"] is not None and writes > told["die_after"]:
            os.kill(os.getpid(), signal.SIGKILL)

    events.operation.connect(count)
    with configured(told["backend"], told["options"], Path(told["source"])):
        call_command("collectstatic", interactive=False, verbosity=0)


if __name__ == "__main__":
    main()
