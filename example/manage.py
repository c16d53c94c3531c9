#!/usr/bin/env python
"""Run the example site's management commands from any directory, without installing anything."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Put the checkout first on the path, then do what the command line says."""
    # Python put example/ there, which would make every module importable under two names.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    os.environ["DJANGO_SETTINGS_MODULE"] = "example.settings"
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
