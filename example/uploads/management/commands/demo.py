"""``manage.py demo``: prepare the example site and serve it on this machine."""

from __future__ import annotations

import os
import secrets
import socket
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from example.paths import VAR
from example.uploads import samples

HOST = "127.0.0.1"
USER = "demo"


class Command(BaseCommand):
    """Prepare the site (as often as you like) and serve it."""

    help = "Prepares the example site, and serves it on this machine only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a port, or the wish not to serve."""
        parser.add_argument("--port", type=int, default=8000, help="Where to serve (8000).")
        parser.add_argument("--no-serve", action="store_true", help="Only prepare the site.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make what is missing, say where the site is, serve it."""
        port: int = options["port"]
        serve = not options["no_serve"]
        if serve:
            _check_free(port)
        VAR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0)
        call_command("createstoragetable", verbosity=0)
        samples.prepare()
        password = _superuser()
        address = f"http://{HOST}:{port}/"
        self.stdout.write(
            f"\n  The example site:  {self.style.SUCCESS(address)}"
            f"{'' if serve else '  (prepared, not served)'}\n"
            f"  The admin:         {address}admin/  (user {USER}, password {password})\n"
            f"  Its files:         {VAR}\n\n"
            f"  {self.style.WARNING('A demo: anyone who reaches it can store and delete files.')}"
            " It answers to this machine only.\n"
        )
        if serve:
            self.stdout.flush()
            # Said above, in fewer words.
            os.environ.setdefault("DJANGO_RUNSERVER_HIDE_WARNING", "true")
            call_command("runserver", f"{HOST}:{port}", use_reloader=False, skip_checks=False)


def _check_free(port: int) -> None:
    """Fail early, and say what to do, when the port is taken."""
    with socket.socket() as probe:
        # As the server will: a port that only waits for its last connections to end is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). Choose another: --port {port + 1}"
            ) from error


def _superuser() -> str:
    """Make the admin's user, once, and return the password that it got then."""
    keeper = VAR / "password.txt"
    if not keeper.exists():
        descriptor = os.open(keeper, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(9))
    password = keeper.read_text(encoding="utf-8")
    user, _ = User.objects.get_or_create(username=USER, defaults={"email": "demo@example.invalid"})
    if not (user.is_superuser and user.check_password(password)):
        user.is_staff = user.is_superuser = True
        user.set_password(password)
        user.save()
    return password
