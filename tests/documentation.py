"""The documentation's pages and the blocks of code in them."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOP = [ROOT / "README.rst", ROOT / "CHANGELOG.rst", ROOT / "CONTRIBUTING.rst"]
DOCS = ROOT / "docs"
PAGES = [*TOP, *sorted(DOCS.glob("*.rst")), *sorted(DOCS.glob("backends/*.rst"))]

_DIRECTIVE = re.compile(r"^( *)\.\. (?:code-block|code|sourcecode|highlight)::[ ]*(\S*)$")
_PROMPT = "$ "


@dataclass(frozen=True)
class Block:
    """One block of code; ``language`` is "" where the page names none."""

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """Name a page in a test's id."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[Block]:
    """The page's blocks, dedented; those of ``languages`` if any are given."""
    found = [*_blocks(page, page.read_text(encoding="utf-8").split("\n"))]
    return [block for block in found if not languages or block.language in languages]


def block_with(page: Path, text: str) -> Block:
    """The one block of the page that has ``text`` in it."""
    (block,) = (block for block in blocks(page) if text in block.code)
    return block


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        directive = _DIRECTIVE.match(line)
        if not directive and (not line.endswith("::") or line.lstrip().startswith("..")):
            continue
        indent = len(line) - len(line.lstrip())
        start = at
        while at < len(lines) and (not lines[at].strip() or _indent(lines[at]) > indent):
            at += 1
        code = [text for text in lines[start:at] if not re.match(r" +:[\w-]+:", text)]
        language = directive[2] if directive else ""
        yield Block(page, start, language, textwrap.dedent("\n".join(code)).strip("\n") + "\n")


def _goes_on(text: str) -> bool:
    """Tell whether a command has not ended with this line: what follows is no output yet."""
    try:
        shlex.split(text)
    except ValueError:  # no closing quotation, or nothing after a backslash
        return True
    return text.endswith("\\")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def commands(block: Block) -> list[list[str]]:
    """The commands of a block, in words; of a console, what stands after the prompts.

    What ``&&``, ``|`` and ``&`` join are commands of their own; redirections are left out.
    """
    if block.language == "console":
        typed = [""]
        for line in block.code.split("\n"):
            if line.startswith(_PROMPT):
                typed.append(line.removeprefix(_PROMPT))
            elif _goes_on(typed[-1]):
                typed[-1] += f"\n{line}"
    else:
        typed = block.code.split("\n")
    found = []
    for text in filter(str.strip, typed):
        lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="&|>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word in {"&&", "|", "&"}:
                found.append(words)
                words = []
            elif word and set(word) <= set(">"):
                next(lexer)
            else:
                words.append(word)
        found.append(words)
    return [words for words in found if words]
