"""``manage.py syncstatic``: ``collectstatic``, and what is stored beside the static files goes."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib.staticfiles.management.commands import collectstatic
from django.core.management.base import CommandError

__all__ = ["Command"]


class Command(collectstatic.Command):
    """Does what ``collectstatic`` does; tells, or deletes, what is stored and no longer needed."""

    help = (
        "Collects static files as collectstatic does, and tells which stored files are not among "
        "them; --prune deletes those."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments: those of ``collectstatic``, and one more."""
        super().add_arguments(parser)  # type: ignore[arg-type] # Django's own parser is one
        parser.add_argument(
            "--prune",
            action="store_true",
            help="Delete stored files that are neither among the static files nor named by the "
            "manifest that this run replaces.",
        )

    def set_options(self, **options: Any) -> None:
        """Take the arguments."""
        super().set_options(**options)
        self.prune: bool = options["prune"]
        if not hasattr(self.storage, "_collecting"):
            raise CommandError(
                "syncstatic needs a storage with one of the mix-ins of storages.static as "
                "STORAGES['staticfiles']; for others there is collectstatic."
            )

    def prunes(self, names: Sequence[str]) -> bool:
        """Tell of the files that nothing needs; return whether they are to be deleted."""
        if not names:
            return False
        self.log(f"{len(names)} stored files are not among the static files:", level=1)
        directories = Counter(name.partition("/")[0] if "/" in name else "" for name in names)
        for directory, count in sorted(directories.items()):
            self.log(f"    {count} in {directory or 'the root'}", level=1)
        for name in names:
            self.log(f"Not among the static files: '{name}'", level=2)
        if not self.prune:
            self.log("--prune deletes them.", level=1)
            return False
        if self.dry_run:
            self.log(f"Pretending to delete {len(names)} files", level=1)
            return False
        if self.interactive and input("Type 'yes' to delete them: ") != "yes":
            self.log("They are left.", level=1)
            return False
        return True
