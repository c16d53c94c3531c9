"""Every block of code in the documentation is looked at by something; and what is neither code."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import docutils.core
import docutils.nodes
import pytest

from tests.documentation import PAGES, ROOT, Block, blocks, name_of
from tests.servers.databases import COLUMNS
from tests.servers.process import find, free_port

# The language of a block, and the test that looks at such blocks.
LOOKED_AT = {
    "": "tests/test_docs_console.py",
    "console": "tests/test_docs_console.py",
    "javascript": "tests/test_docs_blocks.py",
    "json": "tests/test_docs_blocks.py",
    "nginx": "tests/test_docs_blocks.py",
    "python": "tests/test_docs_python.py",
    "sql": "tests/test_docs_blocks.py",
}
# The headings of the tables on the page about databases, and the database of the tests.
DATABASES = {"PostgreSQL": "postgresql", "MariaDB": "mariadb", "SQLite": "sqlite"}
SQL_ELSEWHERE = {
    "docs/backends/mogilefs.rst": "changes MogileFS's own table, which the tests have in SQLite",
}
ALL = [block for page in PAGES for block in blocks(page)]


def of(language: str) -> list[Block]:
    """The blocks of a language."""
    return [block for block in ALL if block.language == language]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_looked_at(page: Path) -> None:
    """A block in a language that no test knows is not known to work."""
    for block in blocks(page):
        assert block.language in LOOKED_AT, f"{block}: who looks at {block.language}?"
        assert (ROOT / LOOKED_AT[block.language]).exists()


def test_blocks_are_found() -> None:
    """None is passed over: there are as many as the pages have directives."""
    directives = sum(page.read_text("utf-8").count(".. code-block::") for page in PAGES)
    assert len([block for block in ALL if block.language]) == directives
    assert directives > 100
    assert all(of(language) for language in LOOKED_AT)


def markup_in(text: str, path: Path) -> list[str]:
    """The texts of a page that have markup in them."""
    tree = docutils.core.publish_doctree(
        text, source_path=str(path), settings_overrides={"report_level": 5, "halt_level": 5}
    )
    kinds = (docutils.nodes.paragraph, docutils.nodes.term)
    texts = [node.astext() for node in tree.findall() if isinstance(node, kinds)]
    known = [text for text in texts if "Unknown" not in text]  # Sphinx's roles, to docutils
    return [text for text in known if re.search(r"\.\. [\w-]+:|={4,}|-{4,}|~{4,}", text)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_markup_is_shown_as_text(page: Path) -> None:
    """A directive that something stands before is no directive, and is shown as it is written."""
    assert markup_in(page.read_text(encoding="utf-8"), page) == []


def test_markup_that_is_shown_as_text_is_noticed() -> None:
    """The test above can fail: half of a table was cut off here once."""
    text = "=====.. list-table::\n   :header-rows: 1\n\n   * - backend\n"
    assert markup_in(text, PAGES[0])


@pytest.mark.parametrize("block", of("nginx"), ids=str)
def test_nginx_takes_the_configuration(block: Block, tmp_path: Path) -> None:
    """As it stands: in a server, or as one."""
    inner = block.code if block.code.startswith("server") else f"server {{\n{block.code}}}\n"
    inner = inner.replace("server {", f"server {{ listen 127.0.0.1:{free_port()};", 1)
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"error_log {tmp_path}/error.log; pid {tmp_path}/pid; events {{}}\nhttp {{\n{inner}}}\n"
    )
    nginx = find("nginx", package="nginx")
    told = subprocess.run(
        [nginx, "-t", "-p", tmp_path, "-c", config], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert "warn" not in told.stderr


@pytest.mark.parametrize("block", of("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    """It can be read."""
    assert json.loads(block.code)


@pytest.mark.parametrize("block", of("javascript"), ids=str)
def test_javascript_is_javascript(block: Block, tmp_path: Path) -> None:
    """MongoDB's shell takes JavaScript; Node.js reads it, and runs nothing."""
    script = tmp_path / "script.js"
    script.write_text(block.code)
    node = find("node", package="nodejs")
    told = subprocess.run([node, "--check", script], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("block", of("sql"), ids=str)
def test_sql_is_known(block: Block) -> None:
    """The tables to make are those that the storage is tested on; others have a reason."""
    if name_of(block.page) in SQL_ELSEWHERE:
        return
    assert set(re.findall(r"^-- (\w+)$", block.code, re.MULTILINE)) == set(DATABASES)
    for heading, kind in DATABASES.items():
        statement = block.code.partition(f"-- {heading}\n")[2].partition(";")[0]
        found = " ".join(statement.replace("file_", "").split())
        found = found.replace("( ", "(").replace(" )", ")")
        assert found == f"CREATE TABLE files ({COLUMNS[kind]})"


def test_every_exception_is_still_needed() -> None:
    """What is there no more needs no reason."""
    assert set(SQL_ELSEWHERE) <= {name_of(block.page) for block in of("sql")}
