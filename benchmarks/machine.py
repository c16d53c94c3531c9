"""What is said of the machine: what decides how fast it is, nothing that tells which one it is."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

__all__ = ["facts", "name"]

PACKAGES = ("Django", "boto3", "paramiko", "pymongo", "requests", "python-swiftclient", "pyodbc")


def processor() -> str:
    """The model of the CPU."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        found = re.search(r"model name\s*: (.*)", path.read_text(encoding="utf-8"))
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def kernel() -> str:
    """Its name and version, without what a vendor adds."""
    version = re.match(r"[\d.]+", platform.release())
    return f"{platform.system()} {version[0].rstrip('.') if version else platform.release()}"


def cores() -> int:
    """How many there are."""
    return os.cpu_count() or 1


def name() -> str:
    """The machine, as the name of a file."""
    text = f"{processor()} {cores()} cores {kernel()} Python {platform.python_version()}"
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def facts() -> dict[str, Any]:
    """The machine and the versions of what was measured on it."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "cores": cores(),
        "kernel": kernel(),
        "python": platform.python_version(),
        "versions": versions,
        "day": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
    }
