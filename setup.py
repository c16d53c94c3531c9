"""The package's metadata. Tool settings are in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent


def version() -> str:
    """Read ``__version__`` without importing the package (which may need Django one day)."""
    text = (HERE / "storages" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        message = "storages/__init__.py has no __version__"
        raise RuntimeError(message)
    return found.group(1)


EXTRAS = {
    # one per backend that needs more than Django and the standard library
    "s3": ["boto3>=1.36"],  # conditional writes and request checksums
    "cloudfront": ["boto3>=1.36", "cryptography>=42"],  # URLs signed by CloudFront's key
    "sftp": ["paramiko>=3.4"],
    "ftp": [],  # ftplib
    "database": ["pyodbc>=5.1"],  # not needed with DB_FILES = {"using": ...}
    "gridfs": ["pymongo>=4.6"],
    "couchdb": ["requests>=2.32"],
    "cloudfiles": ["requests>=2.32"],
    "tahoe": ["requests>=2.32"],
    "mogilefs": ["requests>=2.32"],
    "ipfs": ["requests>=2.32"],
    "ipfs-toolkit": ["requests>=2.32", "ipfs-toolkit==0.5.32"],  # only for IPFS_STORAGE_CLIENT
    "image": ["Pillow>=10.3"],
    "cli": [],  # manage.py storages runs on the standard library
}
# Another way to what "ipfs" does, with some forty packages, is for who asks for it.
EXTRAS["all"] = sorted(
    {each for extra, needs in EXTRAS.items() if extra != "ipfs-toolkit" for each in needs}
)

setup(
    name="django-storages",
    version=version(),
    description="Django storages that never lose a file and never show half of one",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    author="the django-storages maintainers",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    packages=find_packages(include=["storages", "storages.*"]),
    package_data={"storages": ["py.typed"]},
    include_package_data=True,
    zip_safe=False,
    python_requires=">=3.10",
    install_requires=["Django>=4.2"],
    extras_require=EXTRAS,
    keywords=["django", "storage", "files", "upload", "media", "static"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Web Environment",
        "Framework :: Django",
        "Framework :: Django :: 4.2",
        "Framework :: Django :: 5.2",
        "Framework :: Django :: 6.0",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: WWW/HTTP",
        "Typing :: Typed",
    ],
)
