"""What storages show of themselves, all of it, and how to find a secret in it.

A secret shows in many forms: as it is, percent-encoded, in base64, in hex, escaped; and where a
parser has cut it at its ``@`` or ``/``, in pieces. :func:`secrets_in` looks for all of them.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import io
import json
import logging
import pickle
import pprint
import re
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

from django.core.checks import CheckMessage
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.views.debug import get_default_exception_reporter_filter

from storages import events
from storages.causes import causes

__all__ = ["Heard", "forms_of", "listening", "marked", "secrets_in", "tellings_of"]

#: What is cut by parsers and escaped by encoders, between the pieces of a marked secret.
SPECIAL = "/@?:#%&=+ ;"
#: Shorter ones would be found in ordinary words.
_SHORTEST = 6
_SHORTEST_PIECE = 8
#: So much of a variable is in a report.
_LONGEST = 4096


def marked(label: str, special: str = SPECIAL) -> str:
    """Return a secret that is like no other text: pieces of its own between ``special``."""
    digest = hashlib.sha256(label.encode()).hexdigest()
    pieces = [digest[start : start + 9] for start in range(0, len(digest), 9)]
    pieces = [f"Zq{piece}" for piece in pieces]
    made = pieces[0]
    for number, character in enumerate(special):
        made += character + pieces[(number + 1) % len(pieces)]
    return made


@lru_cache(maxsize=64)
def forms_of(secret: str) -> frozenset[str]:
    """Return in how many ways ``secret`` may stand in a text, in lower case."""
    data = secret.encode()
    forms = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        repr(data)[2:-1],
        json.dumps(secret)[1:-1],
        html.escape(secret),
        data.hex(),
        data.decode("latin-1"),
    }
    # Of a longer text in base64, such as "user:password", the part that no neighbour changes.
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        whole = encoded[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        forms |= {whole, whole.translate(str.maketrans("+/", "-_"))}
    pieces = re.split(r"[^A-Za-z0-9]+", secret)
    long = [form for form in forms if len(form) >= _SHORTEST]
    long += [piece for piece in pieces if len(piece) >= _SHORTEST_PIECE]
    return frozenset(form.lower() for form in long)


def tellings_of(secret: str) -> list[str]:
    """Return the forms in which libraries' errors tell ``secret`` whole."""
    login = base64.b64encode(f"user:{secret}".encode()).decode()
    quoted = [quote(secret), quote(secret, safe=""), quote_plus(secret)]
    return list(dict.fromkeys([secret, *quoted, repr(secret)[1:-1], login]))


def secrets_in(text: str, secrets: Iterable[str]) -> list[str]:
    """Return the forms of ``secrets`` that are in ``text``, in whatever case."""
    lower = text.lower()
    return sorted(form for secret in secrets for form in forms_of(secret) if form in lower)


@dataclass
class Heard:
    """What was shown, and where."""

    shown: list[tuple[str, str]] = field(default_factory=list)
    #: The errors among it.
    errors: list[BaseException] = field(default_factory=list)

    def add(self, place: str, *texts: object) -> None:
        """Note what stands in ``place``."""
        self.shown += [(place, str(text)) for text in texts]

    def leaks(self, secrets: Iterable[str], ignored: Iterable[str] = ()) -> list[str]:
        """Return a line for each place that shows one of ``secrets``.

        ``ignored`` are loggers of libraries, the names of which begin so.
        """
        secrets = [secret for secret in secrets if secret]
        passed = tuple(f"log of {name}" for name in ignored)
        found = []
        for place, text in dict.fromkeys(self.shown):
            if not (passed and place.startswith(passed)):
                found += [f"{place}: {form!r}" for form in secrets_in(text, secrets)[:1]]
        return sorted(set(found))

    def add_error(self, error: BaseException, place: str = "error") -> None:
        """Note all that an error shows: by itself, in a traceback, in a report by Django."""
        self.errors.append(error)
        # What a traceback and a report go on with.
        for link in causes(error, suppressed=False):
            kind = f"{place} {type(link).__name__}"
            self.add(kind, str(link), repr(link), repr(link.args), repr(vars(link)))
            # What ADMINS get by mail: Django's own filter. (A page for DEBUG hides nothing.)
            self._add_variables(link.__traceback__, f"{place}, report")
        self.add(f"{place}, traceback", "".join(traceback.format_exception(error)))
        with contextlib.suppress(Exception):  # a library's own may not pickle
            self.add(f"{place}, pickled", pickle.dumps(error).decode("latin-1"))

    def _add_variables(self, trace: TracebackType | None, place: str) -> None:
        shows = get_default_exception_reporter_filter()
        while trace is not None:
            code = trace.tb_frame.f_code
            if not code.co_filename.startswith(_HERE):
                where = f"{place}, {code.co_filename}:{code.co_name}"
                for name, value in shows.get_traceback_frame_variables(None, trace.tb_frame):
                    with contextlib.suppress(Exception):  # a report says so, too
                        self.add(f"{where}, variable {name}", repr(value)[:_LONGEST])
            trace = trace.tb_next

    def add_storage(self, storage: Any) -> None:
        """Note what a storage shows, in a migration too."""
        self.add("repr", repr(storage), f"{storage}", pprint.pformat(storage), [storage])
        self.add("deconstruct", pprint.pformat(storage.deconstruct()))
        field_ = models.FileField(upload_to="u", storage=storage)
        self.add("field", repr(field_), repr(field_.deconstruct()))
        after = ProjectState()
        after.add_model(ModelState("storages", "M", [("file", field_)]))
        detector = MigrationAutodetector(ProjectState(), after, MigrationQuestioner())
        for migrations in detector.changes(MigrationGraph()).values():
            for migration in migrations:
                self.add("migration", MigrationWriter(migration).as_string())

    def add_checks(self, messages: Iterable[CheckMessage]) -> None:
        """Note what ``manage.py check`` tells."""
        for message in messages:
            self.add(f"check {message.id}", str(message), repr(message))


#: The frames of these modules hold the secrets that they look for.
_HERE = (__file__, __file__.replace("shown.py", "secrets.py"))


class _Handler(logging.Handler):
    def __init__(self, heard: Heard) -> None:
        super().__init__(logging.NOTSET)
        self._heard = heard
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        place = f"log of {record.name}"
        self._heard.add(place, self.format(record), repr(record.args), repr(record.msg))


@contextmanager
def _loggers_at_debug(handler: logging.Handler) -> Iterator[None]:
    root = logging.getLogger()
    every = root.manager.loggerDict.values()
    known = [logger for logger in every if isinstance(logger, logging.Logger)]
    before = [(logger, logger.level, logger.propagate) for logger in (root, *known)]
    root.addHandler(handler)
    try:
        for logger, level, _ in before:
            if level or logger is root:
                logger.setLevel(logging.DEBUG)
            logger.propagate = True
        yield
    finally:
        for logger, level, propagate in before:
            logger.setLevel(level)
            logger.propagate = propagate
        root.removeHandler(handler)


@contextmanager
def listening() -> Iterator[Heard]:
    """Hear all that is logged (by every logger, at DEBUG), signalled, printed and warned of."""
    heard = Heard()
    out, err = io.StringIO(), io.StringIO()

    def receive(signal: Any = None, **told: Any) -> None:  # noqa: ARG001 - not worth a look
        for name, value in told.items():
            heard.add(f"signal, {name}", repr(value))
            if isinstance(value, events.Operation) and value.error is not None:
                heard.add("signal, error", str(value.error), repr(vars(value.error)))

    with ExitStack() as stack:
        caught = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(_loggers_at_debug(_Handler(heard)))
        for signal in (events.operation, events.transferred):
            signal.connect(receive, weak=False)
            stack.callback(signal.disconnect, receive)
        yield heard
    heard.add("standard output", out.getvalue())
    heard.add("standard error", err.getvalue())
    for warning in caught:
        heard.add("warning", str(warning.message), repr(warning.message))
