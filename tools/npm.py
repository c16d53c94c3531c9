"""Install the test servers that come from npm: ``python3 tools/npm.py pouchdb``.

Each argument names a directory of ``requirements/servers`` with a package.json and its lock file.
What they say is installed into ``.cache/<name>``; no script of a package is run. A server that is
installed already costs nothing and needs no network.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = ("package.json", "package-lock.json")


def main(name: str) -> None:
    """Bring ``.cache/<name>`` up to date with its lock file."""
    wanted = ROOT / "requirements" / "servers" / name
    place = ROOT / ".cache" / name
    digest = hashlib.sha256(b"".join((wanted / file).read_bytes() for file in FILES)).hexdigest()
    stamp = place / "installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit(f"the test server {name} needs Node.js and npm (18 or later)")
    print(f"installing requirements/servers/{name} into {place.relative_to(ROOT)}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for file in FILES:
        shutil.copy(wanted / file, place)
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(install, cwd=place, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"npm could not install {wanted.relative_to(ROOT)}: see above")
    stamp.write_text(digest, encoding="utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        main(each)
