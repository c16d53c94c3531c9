"""Secrets: whatever a storage says or writes, the marked secrets are not in it.

Two things are left to others, and documented (docs/errors.rst): what a storage was *given* as
constructor arguments is in its pickles and its ``__dict__``, as in any object's; and what client
libraries write to logs of their own at DEBUG is theirs (``talkative``).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, ClassVar
from unittest import mock
from urllib.parse import unquote

from django.core.files.base import ContentFile
from django.test import override_settings

from storages import checks
from storages.errors import StorageError
from storages.options import Option, options_of
from storages.retry import NO_RETRY
from storages.testing.case import ContractCase
from storages.testing.shown import Heard, listening, marked, tellings_of
from storages.testing.sources import Failing

__all__ = ["SecretsContract", "bad_values", "try_everything", "try_options"]


def try_everything(storage: Any, content: bytes, heard: Heard, name: str = "d/file.png") -> None:
    """Do all that one does with a storage, what must fail too, and note what it shows.

    ``storage`` may be one that reaches no server: each error is noted, and none is raised.
    """
    stored = [name]

    def save() -> None:
        stored[0] = storage.save(name, ContentFile(content))

    def read() -> None:
        with storage.open(stored[0]) as file:
            file.read(1)
            file.seek(0)
            file.read()

    def write() -> None:
        with storage.open("d/written.png", "wb") as file:
            file.write(content)

    attempts: list[Callable[[], object]] = [
        save,
        read,
        write,
        lambda: heard.add("stat", storage.stat(stored[0])),
        lambda: heard.add("listing", storage.listdir("d")),
        lambda: heard.add("entries", list(storage.scandir("d"))),
        lambda: storage.exists("no/such"),
        lambda: heard.add("url", storage.url(stored[0])),
        lambda: storage.open("no/missing.png"),
        lambda: storage.size("no/missing.png"),
        lambda: storage.listdir("no/such"),
        lambda: storage.copy("no/missing.png", "d/copy.png"),
        lambda: storage.move("no/missing.png", "d/moved.png"),
        lambda: storage.save("../evil.png", ContentFile(content)),
        lambda: storage.save("d/failing.png", Failing(content * 2)),
        lambda: storage.save(f"{stored[0]}/below.png", ContentFile(content)),
        lambda: storage.delete_many(["d/written.png", "d/none.png"]),
        lambda: storage.delete(stored[0]),
        lambda: storage.path(stored[0]),
    ]
    for attempt in attempts:
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - each is looked at
            heard.add_error(error)


def bad_values(option: Option, secret: str) -> list[Any]:
    """Return values with ``secret`` in them that the option can hardly take."""
    address = f"http://user:{secret}@127.0.0.1:1/"
    keys = option.secret if isinstance(option.secret, tuple) else ("password", "http")
    return [
        secret,
        secret.encode(),
        [secret],
        dict.fromkeys(keys, secret),
        dict.fromkeys(keys, address),
        (secret, secret),
        address,
        f"127.0.0.1:{secret}",
        f"ftp://user:{secret}@",
        f"//{secret}@host:port/",
        f"mongodb://user:{secret}@127.0.0.1/",
        f"PWD={secret}",
        object,
        7,
    ]


def try_options(kind: type[Any], given: Mapping[str, Any], secret: str, heard: Heard) -> None:
    """Give each secret option values that are wrong, and note what is said to that.

    Options that do not exist, but nearly, are given as well.
    """
    backend = f"{kind.__module__}.{kind.__qualname__}"
    for name, option in options_of(kind).items():
        if not option.secret:
            continue
        wrong = [{name: value} for value in bad_values(option, secret)]
        wrong += [{name[:-1]: secret}, {f"{name}s": secret}]
        entries = {}
        for number, options in enumerate(wrong):
            _try_to_make(kind, {**given, **options}, heard)
            entries[f"{number}"] = {"BACKEND": backend, "OPTIONS": {**given, **options}}
        with override_settings(STORAGES=entries):
            heard.add_checks(checks.check_storages())


def _try_to_make(kind: type[Any], options: dict[str, Any], heard: Heard) -> None:
    try:
        storage = kind(**options)
    except Exception as error:  # noqa: BLE001 - each is looked at
        heard.add_error(error, "constructor")
    else:
        # Of some nobody can know that they are wrong.
        heard.add("repr", repr(storage), repr(storage.deconstruct()))


class SecretsContract(ContractCase):
    """Chapter X, from X30 on: nothing that a storage shows has a secret in it.

    Whoever declares ``secrets`` in the configuration of ``make_storage`` need do no more.
    """

    shown_in_urls: ClassVar[tuple[str, ...]] = ()
    """Those of ``secrets`` that the service's protocol has in URLs (an access key's id)."""

    talkative: ClassVar[frozenset[str]] = frozenset()
    """Loggers of the client library that show secrets at DEBUG, whatever a storage may do."""

    def wrong_options(self) -> Mapping[str, Any]:
        """Return options that configure this test's storage with secrets that are wrong.

        They hold ``self.wrong``. Unless overridden, every secret that is a plain text becomes that.
        Nothing, for a service that lets everybody in.
        """
        return {}

    @property
    def wrong(self) -> str:
        """A marked secret, which is not the right one."""
        return marked(type(self).__name__)

    def assertUnseen(self, heard: Heard, secrets: Iterable[str]) -> None:
        """None of ``secrets`` is in what was heard."""
        self.assertEqual(heard.leaks(secrets, self.talkative), [])

    def needs_secrets(self) -> None:
        """Report the case as not applicable where there are no secrets."""
        if not self.secrets:
            self.not_applicable("the storage has no secrets")

    @contextmanager
    def impatient(self, storage: Any) -> Iterator[None]:
        """Let nothing be tried again in the block."""
        with mock.patch.object(type(storage), "retry", NO_RETRY):
            yield

    def test_X30_configuration(self) -> None:
        """No secret is in repr, migrations, checks and pickles, before and after use."""
        self.needs_secrets()
        with listening() as heard:
            storage = self.another()
            for _ in range(2):
                heard.add_storage(storage)
                heard.add_checks(storage.check("default"))
                if not any(self.secrets_given(storage)):
                    heard.add("pickle", pickle.dumps(storage).decode("latin-1"))
                    heard.add("vars()", repr(vars(storage)))
                storage.exists("some/name")
        self.assertUnseen(heard, self.secrets)

    def secrets_given(self, storage: Any) -> Iterator[Any]:
        """Yield the secrets that the constructor was given."""
        declared = options_of(type(storage))
        for name, value in storage.given.items():
            yield from declared[name].secret_parts(value)

    def test_X31_operations(self) -> None:
        """None is in errors, tracebacks, reports, logs, signals, warnings and on the terminal."""
        self.needs_secrets()
        with listening() as heard:
            try_everything(self.another(), self.content(), heard)
        self.assertGreater(len(heard.errors), 3)
        self.assertTrue(any(place == "log of storages" for place, _ in heard.shown))
        self.assertTrue(any(place == "signal, event" for place, _ in heard.shown))
        urls = Heard([(place, text) for place, text in heard.shown if place == "url"])
        heard.shown = [(place, text) for place, text in heard.shown if place != "url"]
        self.assertUnseen(heard, self.secrets)
        self.assertUnseen(urls, [s for s in self.secrets if s not in self.shown_in_urls])

    def test_X32_wrong_secrets(self) -> None:
        """A server that refuses wrong secrets is told of without them."""
        self.needs_secrets()
        storage = self.another()
        wrong = self.wrong_options()
        if not wrong:
            self.not_applicable("the server lets everybody in, or every secret has a form")
        with (
            mock.patch.dict(vars(storage), wrong),
            self.impatient(storage),
            listening() as heard,
        ):
            storage.close()
            try_everything(storage, self.content(), heard)
            storage.close()
        self.assertTrue(any(isinstance(e, PermissionError) for e in heard.errors), heard.errors)
        self.assertUnseen(heard, (*self.secrets, self.wrong))

    def test_X33_library_that_tells(self) -> None:
        """What a client library tells in its errors does not come through, in whatever form."""
        self.needs_secrets()
        storage = self.another()
        for secret in self.secrets:
            if unquote(secret) in set(self.secrets) - {secret}:
                continue  # only another form of that one
            for text in tellings_of(secret):
                for failure in self.failures(storage, text):
                    self.fail_with(storage, failure)

    def failures(self, storage: Any, text: str) -> Iterator[Exception]:
        """Yield errors that a library may raise and that tell ``text``."""
        message = f"login as user:{text}@host failed"
        yield OSError(13, message)
        yield ConnectionRefusedError(111, message, f"/{text}/file")
        for kind in storage.errors:
            with suppress(Exception):  # one that wants more than a text
                made = kind(message)
                if isinstance(made, Exception):
                    yield made

    def fail_with(self, storage: Any, failure: Exception) -> None:
        """Let a hook raise ``failure``; our error, its cause and the log do not show it."""
        with (
            self.impatient(storage),
            mock.patch.object(storage, "_stat", side_effect=failure),
            listening() as heard,
        ):
            try:
                storage.stat("name")
            except StorageError as error:
                heard.add_error(error)
        self.assertEqual(len(heard.errors), 1)
        self.assertUnseen(heard, self.secrets)

    def test_X34_wrong_options(self) -> None:
        """What is said to an option that is wrong does not show its value."""
        self.needs_secrets()
        storage = self.another()
        if not any(self.is_secret(option) for option in options_of(type(storage)).values()):
            self.not_applicable("no option is declared to be secret")
        with listening() as heard:
            try_options(type(storage), storage.given, self.wrong, heard)
        self.assertGreater(len(heard.errors), 0)
        self.assertUnseen(heard, [self.wrong])

    @staticmethod
    def is_secret(option: Option) -> bool:
        """Tell whether an option may hold a secret."""
        return bool(option.secret)
