"""What an exception came of: each once, and to an end."""

from __future__ import annotations

import pytest

from storages.causes import because_of, causes, detach
from storages.errors import NotFound, Unavailable
from storages.redact import forget_variables, shown_cause


def _of_one_another() -> tuple[Exception, Exception]:
    """Two errors, each the cause of the other, as libraries make them."""
    one, other = ValueError("one"), KeyError("other")
    one.__cause__, other.__cause__ = other, one
    return one, other


def test_each_once() -> None:
    """The exception first; then what it came of, though that came of it."""
    one, other = _of_one_another()
    assert list(causes(one)) == [one, other]
    assert list(causes(other)) == [other, one]


def test_what_a_traceback_leaves_out() -> None:
    """It is told unless only that is asked for which is shown."""
    shown, behind = KeyError("shown"), ValueError("behind it")
    shown.__context__ = behind
    assert list(causes(shown, suppressed=False)) == [shown, behind]
    shown.__cause__ = None  # as ``from None`` does it
    assert list(causes(shown, suppressed=False)) == [shown]
    assert list(causes(shown)) == [shown, behind]


def test_secrets_of_errors_that_came_of_one_another() -> None:
    """Looking for secrets comes to an end."""
    one, other = _of_one_another()
    assert shown_cause(one, lambda text: text) is one
    assert repr(shown_cause(one, lambda text: text.replace("other", "***"))) == (
        "OSError('ValueError: one')"
    )
    forget_variables(other)


def test_an_error_that_is_raised_in_the_place_of_another() -> None:
    """The other comes of it no longer, though it may be its cause now."""
    ours, theirs, outer = Unavailable("ours"), ValueError("theirs"), KeyError("outer")
    outer.__cause__, theirs.__cause__, theirs.__context__ = theirs, ours, ours
    detach(ours, outer)
    assert list(causes(outer)) == [outer, theirs]
    ours.__cause__ = outer
    assert list(causes(ours)) == [ours, outer, theirs]


def test_because_of() -> None:
    """What goes wrong then has it for its cause, unless it has one."""
    why = NotFound("why")
    for cause in (None, OSError("the connection")):
        with pytest.raises(Unavailable) as caught, because_of(why):
            raise Unavailable("then") from cause
        assert caught.value.__cause__ is (cause or why)
