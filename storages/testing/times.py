"""Times: right, in the form that ``USE_TZ`` asks for, or honestly not supported.

T04 (a server in another time zone, or with a skewed clock) comes with the network backends; here
the process's own zone differs from UTC.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from django.test import override_settings
from django.utils import timezone

from storages.testing.case import ContractCase

__all__ = ["TimesContract"]

KINDS = ("modified", "created", "accessed")


@contextmanager
def zone(name: str) -> Iterator[None]:
    """Run the block with the process in another time zone."""
    try:
        with mock.patch.dict(os.environ, TZ=name):
            time.tzset()
            yield
    finally:
        time.tzset()


class TimesContract(ContractCase):
    """Chapter T."""

    def time(self, kind: str, name: str) -> datetime.datetime:
        """Ask for one of the times."""
        asked: datetime.datetime = getattr(self.storage, f"get_{kind}_time")(name)
        return asked

    def test_T01_aware_and_recent(self) -> None:
        """With ``USE_TZ`` a time is aware, in UTC, and that of the save."""
        before = datetime.datetime.now(datetime.timezone.utc)
        name = self.put("t.txt")
        after = datetime.datetime.now(datetime.timezone.utc)
        slack = datetime.timedelta(seconds=self.clock_tolerance)
        with override_settings(USE_TZ=True, TIME_ZONE="Asia/Kathmandu"):
            for kind in sorted(self.supports_times):
                moment = self.time(kind, name)
                self.assertTrue(timezone.is_aware(moment))
                self.assertEqual(moment.utcoffset(), datetime.timedelta(0))
                self.assertGreaterEqual(moment, before - slack)
                self.assertLessEqual(moment, after + slack)

    def test_T02_naive_and_local(self) -> None:
        """Without ``USE_TZ`` a time is naive, in the process's zone, whichever that is."""
        name = self.put("t.txt")
        slack = datetime.timedelta(seconds=self.clock_tolerance + 60)
        for place in ("Asia/Kathmandu", "America/St_Johns", "UTC"):
            with zone(place), override_settings(USE_TZ=False):
                now = datetime.datetime.now()  # noqa: DTZ005 - naive is what is asked for
                for kind in sorted(self.supports_times):
                    moment = self.time(kind, name)
                    self.assertTrue(timezone.is_naive(moment))
                    self.assertLessEqual(abs(now - moment), slack)

    def test_T03_not_earlier_after_an_overwrite(self) -> None:
        """Replacing a file does not turn its time back, and both forms agree."""
        if "modified" not in self.supports_times:
            self.not_applicable("modified times are not supported")
        name = self.put("t.txt")
        first = self.time("modified", name)
        time.sleep(0.01)
        self.replace(name, self.content())
        second = self.time("modified", name)
        self.assertGreaterEqual(second, first)
        with override_settings(USE_TZ=False):
            self.assertEqual(self.time("modified", name).astimezone(datetime.timezone.utc), second)

    def test_T05_unsupported_times(self) -> None:
        """A time that is not known raises NotImplementedError, which collectstatic catches."""
        name = self.put("t.txt")
        unsupported = set(KINDS) - self.supports_times
        for kind in unsupported:
            with self.subTest(kind=kind), self.assertRaises(NotImplementedError):
                self.time(kind, name)
        for kind in self.supports_times:
            self.assertIsInstance(self.time(kind, name), datetime.datetime)
