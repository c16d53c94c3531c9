"""What pip installs: the built wheel, looked into."""

from __future__ import annotations

import email.message
import email.parser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import storages

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE", "README.rst", "storages"]
SERVICES = {"s3", "sftp", "ftp", "gridfs", "couchdb", "cloudfiles", "tahoe", "mogilefs", "ipfs"}
EXTRAS = SERVICES | {"cloudfront", "database", "image", "ipfs-toolkit", "cli", "all"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """Build the wheel from a copy (setuptools writes beside its sources) and open it."""
    source = tmp_path_factory.mktemp("source")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / part, source / part)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    target = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-c", build, target],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (built,) = target.glob("*.whl")
    return zipfile.Path(built)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.Path) -> email.message.Message:
    """The wheel's METADATA."""
    (info,) = (path for path in wheel.iterdir() if path.name.endswith(".dist-info"))
    return email.parser.Parser().parsestr((info / "METADATA").read_text(encoding="utf-8"))


def test_every_module_and_the_type_marker_are_in_the_wheel(wheel: zipfile.Path) -> None:
    """What lies in storages/ is what pip installs, py.typed included."""
    installed = {
        name
        for name in wheel.root.namelist()
        if name.startswith("storages/") and not name.endswith("/")
    }
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "storages").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert installed == here
    assert "storages/py.typed" in installed


def test_only_the_package_storages_is_installed(wheel: zipfile.Path) -> None:
    """Neither tests nor examples land in site-packages, where they would meet others."""
    tops = {path.name for path in wheel.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"storages"}


def test_the_metadata_names_the_distribution(metadata: email.message.Message) -> None:
    """Pip replaces the older django-storages, because the name is the same."""
    assert metadata["Name"] == "django-storages"
    assert metadata["Version"] == storages.__version__
    assert metadata["Requires-Python"] == ">=3.10"
    assert "BSD-3-Clause" in {metadata["License"], metadata["License-Expression"]}


def test_every_backend_has_its_extra(metadata: email.message.Message) -> None:
    """The extras are the documented ones, and Django is all that is needed without."""
    assert set(metadata.get_all("Provides-Extra", [])) == EXTRAS
    always = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert always == ["Django>=4.2"]


def test_import_storages_imports_nothing_else() -> None:
    """A settings module may import the package before Django is there."""
    code = "import sys; import storages; print([m for m in sys.modules if 'django' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
