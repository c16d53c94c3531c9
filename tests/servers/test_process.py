"""The launchers: what is missing is said, what fails is shown, what was started is stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from tests.servers import MissingProgramError, Server, ServerFailedError, shared
from tests.servers.mariadb import MariaDB
from tests.servers.odbc import driver
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import (
    HOST,
    PASSING,
    PORTS,
    _runs,
    find,
    free_port,
    passing_port,
)
from tests.servers.tahoe import TahoeNode

PACKAGES = Path(__file__).with_name("packages.txt")


class Script(Server):
    """A server that is a line of Python."""

    packages: ClassVar[tuple[str, ...]] = ("python3",)
    ready_within = 1.0
    script = "print('listening', flush=True); import time; time.sleep(60)"
    waits_for = "listening"

    def command(self) -> list[str]:
        """Run the script."""
        return [sys.executable, "-c", self.script]

    def is_ready(self) -> bool:
        """Whether it has said so."""
        return self.waits_for in self.tail()


def test_a_missing_program_is_a_failure_that_names_its_package() -> None:
    """Nothing is skipped: a test that cannot run has failed."""
    with pytest.raises(MissingProgramError, match="apt-get install some-package"):
        find("no-such-program", package="some-package")
    with pytest.raises(MissingProgramError, match="apt-get install some-package"):
        driver("libnosuch.so", package="some-package")


@pytest.mark.parametrize("kind", [PostgreSQL, MariaDB])
def test_the_packages_of_each_server_are_in_the_list(kind: type[Server]) -> None:
    """``make test`` installs what packages.txt names."""
    assert set(kind.packages) <= set(PACKAGES.read_text(encoding="utf-8").split())


def test_a_server_runs_inside_its_block_only() -> None:
    """Afterwards neither the process nor the directory is left."""
    with Script() as server:
        assert server.process is not None
        pid = server.process.pid
        assert _runs(pid)
        server.start()
        assert server.process.pid == pid
    assert not _runs(pid)
    assert not server.directory.exists()


def test_a_server_that_ends_shows_its_log() -> None:
    """What it printed is in the failure."""

    class Ending(Script):
        script = "raise SystemExit('no such option: --fast')"

    with (
        pytest.raises(ServerFailedError, match=r"(?s)ended with 1.*no such option: --fast"),
        Ending(),
    ):
        pass


def test_a_server_that_never_answers_is_stopped() -> None:
    """The failure comes in time and leaves no process."""

    class Silent(Script):
        waits_for = "something else"

    server = Silent()
    started: list[subprocess.Popen[bytes]] = []
    original = server.is_ready

    def is_ready() -> bool:
        if server.process is not None:
            started.append(server.process)
        return original()

    server.is_ready = is_ready  # type: ignore[method-assign]
    with pytest.raises(ServerFailedError, match="does not answer"), server:
        pass
    assert started
    assert started[0].poll() is not None


def test_a_killed_server_starts_again_where_it_was() -> None:
    """Same port, same data, and the shared server is always one that runs."""
    server = shared(MariaDB)
    assert server.query("CREATE TABLE kept (x int)")
    server.kill()
    assert not server.query("SELECT 1")
    assert shared(MariaDB) is server
    assert server.query("DROP TABLE kept")


def test_a_tahoe_node_is_ready_when_its_files_are_whole() -> None:
    """It makes a file and then writes it: a gateway told of an empty address knows no server."""
    node = TahoeNode()
    try:
        node.prepare()
        furl, key = node.directory / "private" / "storage.furl", node.directory / "node.pubkey"
        assert not node.is_ready()
        key.write_text("pub-v0-key\n")
        furl.touch()
        assert not node.is_ready()
        furl.write_text("pb://tub@tcp:127.0.0.1:1/na")
        assert not node.is_ready()
        furl.write_text("pb://tub@tcp:127.0.0.1:1/name\n")
        assert node.is_ready()
        key.write_text("")
        assert not node.is_ready()
    finally:
        node.close()


def test_no_two_servers_get_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is another one, in use by nobody, though servers bind theirs only later."""
    few = range(PORTS.start, PORTS.start + 60)
    monkeypatch.setattr("tests.servers.process.PORTS", few)
    monkeypatch.setattr("tests.servers.process._given", set())
    with socket.socket() as taken:
        taken.bind((HOST, free_port()))
        taken.listen()
        monkeypatch.setattr("tests.servers.process._given", set())
        ports = [free_port() for _ in range(20)]
        assert len(set(ports)) == 20
        assert set(ports) <= set(few)
        assert taken.getsockname()[1] not in ports


def test_what_lives_for_one_test_takes_its_port_in_turn() -> None:
    """A storage may remember what it was told at one: it comes again after all the others."""
    with socket.socket() as taken:
        taken.bind((HOST, passing_port()))
        ports = [passing_port() for _ in range(2 * len(PASSING))]
        assert taken.getsockname()[1] not in ports
    lately = [ports[n : n + len(PASSING) // 2] for n in range(0, len(ports), len(PASSING) // 2)]
    assert all(len(set(each)) == len(each) for each in lately)
    assert not set(ports) - set(PASSING)
    assert not set(PASSING) & set(PORTS)


SLOW_TO_CLOSE = """
import time
from tests.servers import shared
from tests.servers.test_process import Script

class Slow(Script):
    def close(self):
        time.sleep(1)
        super().close()

def test_a_server():
    print(shared(Slow).directory)
"""
IMPATIENT = """
import xdist.workermanage

xdist.workermanage.NodeManager.EXIT_TIMEOUT = 0.1
"""


def test_shared_servers_are_closed_before_their_process_is(tmp_path: Path) -> None:
    """pytest-xdist kills a process ten seconds after its tests, whatever it still removes."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (tmp_path / "test_slow.py").write_text(SLOW_TO_CLOSE, encoding="utf-8")
    (tmp_path / "impatient.py").write_text(IMPATIENT, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "impatient"),
            *("--numprocesses=1", "-rP", "test_slow.py"),
        ],
        cwd=tmp_path,
        env={
            **outer,
            "PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}",
            "TMPDIR": str(temporary),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(temporary / "slow-") in done.stdout
    assert not list(temporary.glob("slow-*"))
