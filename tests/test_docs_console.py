"""What the documentation says to type exists: programs, targets, packages, options."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from storages.testing import StorageContract
from tests.documentation import PAGES, ROOT, Block, blocks, commands
from tests.servers.process import find

BLOCKS = [block for page in PAGES for block in blocks(page, "console", "")]

# Programs that are not on the machines that run the tests, and what vouches for the command.
ELSEWHERE = {
    "docker": "its images come from a registry; the options are docker's own",
    "mogadm": "MogileFS's own command (MogileFS-Utils), as its manual has it",
    "swift": "python-swiftclient's command, as its manual has it",
    "tahoe": "Tahoe-LAFS's command: tests/servers/tahoe.py asks the web API for the same",
}
# Packages that nobody here installs.
NOT_OURS = {"tahoestorage", "django-ipfs-storage"}


def requirements() -> set[str]:
    """The names of the packages that the tests and the documentation need."""
    lines = "\n".join(path.read_text() for path in ROOT.glob("requirements/*.txt"))
    return set(re.findall(r"^[A-Za-z][\w.-]*", lines, re.MULTILINE))


def extras() -> set[str]:
    """The extras of the package, from setup.py."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXTRAS":
            return set(ast.literal_eval(node.value))
    raise AssertionError("setup.py has no EXTRAS")


def make(words: list[str]) -> None:
    """A target of the Makefile, and variables that it has."""
    text = (ROOT / "Makefile").read_text()
    targets = [word for word in words if "=" not in word]
    assert targets
    for target in targets:
        assert re.search(rf"^(?:.* )?{target}(?: .*)?:", text, re.MULTILINE), target
    for variable in set(words) - set(targets):
        assert re.search(rf"^{variable.partition('=')[0]} \?=", text, re.MULTILINE), variable


def pip(words: list[str]) -> None:
    """Our package with extras that it has, or another that is known."""
    action, *rest = words
    assert action in {"install", "uninstall"}
    packages = [word for word in rest if not word.startswith("-")]
    assert packages
    for package in packages:
        name, _, wanted = package.partition("[")
        if name == "django-storages":
            assert set(wanted.rstrip("]").split(",")) <= extras()
        else:
            assert name in requirements() | NOT_OURS


def python(words: list[str]) -> None:
    """A management command with its options, a module with its options, or a program."""
    first, *rest = words
    if first == "-c":
        program = ast.parse(rest[0])
        for node in ast.walk(program):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, name.name) for name in node.names)
    elif first == "-m":
        told = subprocess.run(
            [sys.executable, "-m", rest[0], "--help"], capture_output=True, text=True, check=True
        )
        assert options(rest) <= options(told.stdout.replace(",", " ").split())
    else:
        assert first == "manage.py"
        app = get_commands()[rest[0]]
        assert isinstance(app, str)
        load_command_class(app, rest[0]).create_parser("manage.py", rest[0]).parse_args(rest[1:])


def options(words: list[str]) -> set[str]:
    """The long options among the words."""
    return {word.partition("=")[0] for word in words if word.startswith("--")}


def pytest_(words: list[str]) -> None:
    """A case of the contract that exists."""
    if "-k" in words:
        case = words[words.index("-k") + 1]
        assert any(name.startswith(case) for name in dir(StorageContract)), case


def npx(words: list[str]) -> None:
    """A program of an npm package that the tests install."""
    assert words[0] in (ROOT / "requirements/servers/pouchdb/package.json").read_text()


def rclone(words: list[str]) -> None:
    """Options that its help tells of."""
    program = Path(sys.executable).with_name("rclone")
    told = subprocess.run(
        [program, *words[:2], "--help"], capture_output=True, text=True, check=True
    )
    assert options(words) <= options(told.stdout.split())


def on_debian(package: str) -> Callable[[list[str]], None]:
    """A program of a Debian package that the tests install."""

    def judge(words: list[str]) -> None:
        assert package in (ROOT / "tests/servers/packages.txt").read_text().split()

    return judge


def everywhere(words: list[str]) -> None:
    """A program, or a word of the shell, that every Unix has."""
    assert words


JUDGES: dict[str, Callable[[list[str]], None]] = {
    "make": make,
    "pip": pip,
    "python": python,
    "pytest": pytest_,
    "npx": npx,
    "rclone": rclone,
    "curl": on_debian("curl"),
    "ssh-keygen": on_debian("openssh-client"),
    "ssh-keyscan": on_debian("openssh-client"),
    "/usr/sbin/sshd": on_debian("openssh-server"),
    **dict.fromkeys(("cd", "echo", "find", "mkdir"), everywhere),
    **dict.fromkeys(ELSEWHERE, everywhere),
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_command_exists(block: Block) -> None:
    """Its program is known, and so is what the program is told."""
    typed = commands(block)
    assert typed
    for program, *words in typed:
        assert program in JUDGES, f"{block}: who vouches for {program!r}?"
        JUDGES[program](words)
        if program not in {*ELSEWHERE, "python", "pip", "pytest", "npx", "rclone", "cd", "make"}:
            assert find(program, package=program)


def test_every_exception_is_still_needed() -> None:
    """What nobody types any more needs no reason."""
    typed = [words for block in BLOCKS for words in commands(block)]
    assert set(ELSEWHERE) <= {program for program, *_ in typed}
    assert {word for words in typed for word in words} >= NOT_OURS


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("make nothing", "nothing"),
        ("pip install 'django-storages[nothing]'", "nothing"),
        ("python manage.py nothing", "nothing"),
        ("pip install no-such-package", "no-such-package"),
        ("nothing at all", "nothing"),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(command: str, why: str) -> None:
    """The tests above can fail."""
    block = Block(ROOT / "README.rst", 1, "console", f"$ {command}\n")
    with pytest.raises((AssertionError, KeyError), match=why):
        test_every_command_exists(block)
