"""One declaration per option.

A backend declares each option once, as a class attribute::

    class SFTPStorage(RemoteStorage):
        host: str = option(settings=("SFTP_STORAGE_HOST",), required=True, type=str,
                           help="The server's name or address.")

and that is its constructor keyword, its setting, its default, its check, its row in the docs.
What counts, first to last: the constructor's argument, a plain class attribute of a subclass, the
first Django setting that exists, the default. Settings are read at each access, so
``override_settings`` takes effect at once.
"""

from __future__ import annotations

import copy
import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from django.conf import settings as django_settings
from django.utils.functional import Promise

from storages.errors import OptionError

__all__ = ["Option", "base_url_option", "option", "options_of", "positive", "unknown_options"]


Kinds: TypeAlias = "type | tuple[type, ...]"
Number = TypeVar("Number", int, float)


@dataclass(eq=False)
class Option:
    """The declaration of one option; see :func:`option` for its fields."""

    default: Any = None
    settings: tuple[str, ...] = ()
    required: bool = False
    secret: bool | tuple[str, ...] = False
    type: Kinds | None = None
    convert: Callable[[Any], Any] | None = None
    help: str = ""
    name: str = field(default="", init=False)
    owner: str = field(default="", init=False)

    # Only __get__ and no __set__: what the constructor puts in the instance's __dict__ wins, and so
    # does a subclass's plain attribute. That is the whole order of precedence.
    def __set_name__(self, owner: Any, name: str) -> None:
        self.name, self.owner = name, owner.__name__

    def __get__(self, instance: object | None, owner: Any = None) -> Any:
        if instance is None:
            return self
        for setting in self.settings:
            if hasattr(django_settings, setting):
                return self.checked(getattr(django_settings, setting), f"setting {setting}")
        # A copy, so that no instance can change the default of all.
        return copy.copy(self.default)

    @property
    def places(self) -> str:
        """Where a user may set the option, for messages."""
        return " or ".join([*(f"the setting {s}" for s in self.settings), f"{self.name}=…"])

    def checked(self, value: Any, place: str) -> Any:
        """Return ``value``, converted; raise OptionError when it is of a wrong type.

        ``place`` says where the value comes from. The message never shows the value.
        """
        if value is None and self.default is None and not self.required:
            return None
        if self.type is not None and not _is_instance(value, self.type):
            msg = (
                f"{self.owner}: option {self.name!r} ({place}) must be {_named(self.type)}, "
                f"not {type_name(value)}."
            )
            raise OptionError(msg)
        if self.convert is None:
            return value
        try:
            return self.convert(value)
        except (TypeError, ValueError) as error:
            if self.secret is True:
                msg = f"{self.owner}: option {self.name!r} ({place}) is not valid."
                raise OptionError(msg) from None
            msg = f"{self.owner}: option {self.name!r} ({place}): {error}"
            raise OptionError(msg) from error

    def secret_parts(self, value: Any) -> list[Any]:
        """Return what of ``value`` nobody may see."""
        if self.secret is True:
            return [value]
        if not self.secret or not isinstance(value, Mapping):
            return []
        parts = []
        for name, part in value.items():
            parts += [part] if name in self.secret else self.secret_parts(part)
        return parts

    def shown(self, value: Any) -> Any:
        """Return ``value`` without what of it nobody may see."""
        if not isinstance(self.secret, tuple) or not isinstance(value, Mapping):
            return value
        return {n: self.shown(part) for n, part in value.items() if n not in self.secret}

    def is_missing(self, value: Any) -> bool:
        """Tell whether the option is required and ``value`` is none."""
        return self.required and (value is None or value == "")


def option(  # noqa: PLR0913 - the fields of a declaration, by keyword
    *,
    default: Any = None,
    settings: Iterable[str] = (),
    required: bool = False,
    secret: bool | tuple[str, ...] = False,
    type: Kinds | None = None,  # noqa: A002 - the field's standard term
    convert: Callable[[Any], Any] | None = None,
    help: str = "",  # noqa: A002 - likewise
) -> Any:
    """Declare an option.

    Arguments:
        default: its value when nothing sets it (copied for each use).
        settings: the Django settings that set it; the first that exists counts.
        required: constructing the storage without it raises OptionError.
        secret: its value never reaches ``repr``, ``deconstruct``, logs or errors; of a mapping
            some entries may be secret, at any depth: then their names.
        type: what the value must be an instance of (None is allowed when it is the default).
        convert: makes the value from what was given; raises ValueError to refuse it.
        help: one sentence for the docs.

    Typed as Any, like ``dataclasses.field``, so that the attribute's annotation is the value's.

    """
    return Option(
        default=default,
        settings=tuple(settings),
        required=required,
        secret=secret,
        type=type,
        convert=convert,
        help=help,
    )


class _BaseURL(Option):
    """What URLs begin with, where a project may have said it for all its media."""

    def __get__(self, instance: object | None, owner: Any = None) -> Any:
        """Return None where only an empty MEDIA_URL is set, else what every option does.

        Django shows that as "/", which is nobody's address for files.
        """
        if instance is not None:
            told = [setting for setting in self.settings if hasattr(django_settings, setting)]
            wrapped = getattr(django_settings, "_wrapped", django_settings)
            if told[:1] == ["MEDIA_URL"] and not wrapped.MEDIA_URL:
                return None
        return super().__get__(instance, owner)


def base_url_option(*, settings: Iterable[str] = (), help: str = "") -> Any:  # noqa: A002 - as above
    """Declare an option ``base_url`` that is one of ``settings``, else ``MEDIA_URL``, else None."""
    return _BaseURL(settings=(*settings, "MEDIA_URL"), type=(str, Promise), help=help)


def options_of(cls: type) -> dict[str, Option]:
    """Return the options that ``cls`` declares or inherits, by name, base classes first."""
    found: dict[str, Option] = {}
    for klass in reversed(cls.__mro__):
        found.update({n: o for n, o in vars(klass).items() if isinstance(o, Option)})
    return found


def take(storage: Any, given: Mapping[str, Any]) -> None:
    """Set the options ``given`` to a constructor on ``storage`` and check all of them.

    Raises OptionError, naming the option, when one is unknown, of a wrong type or missing.
    """
    declared = options_of(type(storage))
    unknown_options(type(storage).__name__, given, declared)
    for name, value in given.items():
        vars(storage)[name] = declared[name].checked(value, "argument")
    for name, declaration in declared.items():
        value = getattr(storage, name)
        if name not in given and _is_plain_attribute(type(storage), name):
            vars(storage)[name] = value = declaration.checked(value, "class attribute")
        if declaration.is_missing(value):
            msg = f"{type(storage).__name__} needs the option {name!r}: set {declaration.places}."
            raise OptionError(msg)


def unknown_options(owner: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise OptionError, with the nearest name that exists, when ``given`` has an unknown one."""
    known = list(known)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            options = ", ".join(sorted(known)) or "none"
            msg = f"{owner} has no option {name!r}.{meant} Its options: {options}."
            raise OptionError(msg)


def positive(value: Number) -> Number:
    """Return a number, of seconds or of anything, that is above 0; for an option's ``convert``.

    Raises ValueError for others, and for what is no number or has no end: no system waits so long.
    """
    if not 0 < value < math.inf:
        raise ValueError("must be above 0")
    return value


def _is_plain_attribute(cls: type, name: str) -> bool:
    """Tell whether a subclass put a value, not a property, in the option's place."""
    return not hasattr(inspect.getattr_static(cls, name), "__get__")


def _is_instance(value: Any, kind: type | tuple[type, ...]) -> bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))


def _named(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(k.__name__ for k in kinds)


def type_name(value: Any) -> str:
    """Return the name of the value's type, for messages."""
    return type(value).__name__
