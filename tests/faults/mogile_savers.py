"""Processes that save into MogileFS: forks of one that has used its storage, killed or not.

Run as ``python -m tests.faults.mogile_savers ACTION OPTIONS``, OPTIONS being the storage's in JSON;
prints what came of it, in JSON. ``race``: eight save one name at once, and each tells the name that
it got. ``create`` and ``replace``: one saves content after content, until it is killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from typing import Any

import django
from django.core.files.base import ContentFile, File

from tests.faults.kill_writers import BEGUN, RETURNED, Dawdling, Progress, content, fork_writer

SAVERS = 8
KILLS = 15
WITHIN = 60.0


def race(storage: Any) -> list[str]:
    """Let forks save one name; return the names that they got."""
    ends, children = [], []
    for number in range(SAVERS):
        mine, theirs = os.pipe()

        def work(number: int = number, end: int = theirs) -> None:
            name = storage.save("race.bin", ContentFile(b"%d" % number))
            os.write(end, name.encode())
            os._exit(0)

        children.append(fork_writer(work))
        os.close(theirs)
        ends.append(mine)
    names = [os.read(end, 1000).decode() for end in ends]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * SAVERS
    assert storage.exists("race.bin")  # on the connection that is this process's own
    return names


def killed(storage: Any, *, replacing: bool) -> dict[str, int]:
    """Kill savers; return how many saves had returned and how many kills met one under way."""
    progress, interrupted = Progress(), 0

    def work() -> None:
        while True:
            number = progress[BEGUN] = progress[RETURNED] + 1
            source = File(Dawdling(content(number)))
            if replacing:
                with storage.open("replaced.bin", "wb") as file:
                    for chunk in source.chunks():
                        file.write(chunk)
            else:
                storage.save(f"{number}.bin", source)
            progress[RETURNED] = number

    for _ in range(KILLS):
        number = progress[RETURNED]
        pid = fork_writer(work)
        begun = time.monotonic()
        while progress[RETURNED] == number:
            assert time.monotonic() - begun < WITHIN
            time.sleep(0.001)
        time.sleep(random.random() * (time.monotonic() - begun))
        os.kill(pid, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        interrupted += progress[BEGUN] > progress[RETURNED]
    return {"returned": progress[RETURNED], "interrupted": interrupted}


def main() -> None:
    """Do what the command line says."""
    django.setup()
    from storages.backends.mogilefs import MogileFSStorage

    with MogileFSStorage(**json.loads(sys.argv[2])) as storage:
        assert storage.exists("other.bin")
        action = sys.argv[1]
        result = (
            race(storage) if action == "race" else killed(storage, replacing=action != "create")
        )
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
