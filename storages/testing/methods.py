"""The public methods of a storage, found by introspection: no new one is forgotten."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from django.core.files.base import ContentFile

from storages.testing.case import ContractCase

__all__ = ["NAMES", "MethodsCase", "public_methods"]

#: Parameters that are names of files or directories.
NAMES = {
    "name",
    "names",
    "path",
    "top",
    "prefix",
    "directory",
    "source",
    "src",
    "target",
    "dst",
    "filename",
}


def public_methods(storage: Any) -> Iterator[tuple[str, inspect.Signature]]:
    """Yield every public method of ``storage`` that takes a name, by introspection."""
    for attribute in sorted(dir(type(storage))):
        if attribute.startswith("_"):
            continue
        if isinstance(inspect.getattr_static(type(storage), attribute), property):
            continue
        method = getattr(storage, attribute)
        if not inspect.isroutine(method):
            continue
        signature = inspect.signature(method)
        if NAMES & set(signature.parameters):
            yield attribute, signature


class MethodsCase(ContractCase):
    """Calls any public method with a name that a test has chosen."""

    makes_names: ClassVar[frozenset[str]] = frozenset({"get_valid_name", "generate_filename"})
    """Public methods that make a name of any text, as Django documents: what they return must be
    harmless, or be refused by the others."""

    method_arguments: ClassVar[dict[str, Any]] = {}
    """Values for parameters, without default, that the contract does not know by name."""

    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """One event loop for the test, with one thread: each may have a connection of its own."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.set_default_executor(ThreadPoolExecutor(1))
            self.addCleanup(self._end_loop, self._loop)
        return self._loop

    @staticmethod
    def _end_loop(loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def call(self, method: str, signature: inspect.Signature, odd: str, spot: str) -> Any:
        """Call a method with ``odd`` as its parameter ``spot`` and harmless values elsewhere."""
        arguments: dict[str, Any] = {}
        for name, parameter in signature.parameters.items():
            if name == spot:
                arguments[name] = [odd] if name == "names" else odd
            elif name in NAMES:
                arguments[name] = ["harmless"] if name == "names" else "harmless"
            elif name == "content":
                arguments[name] = ContentFile(self.content())
            elif name in self.method_arguments:
                arguments[name] = self.method_arguments[name]
            elif parameter.default is parameter.empty and parameter.kind not in {
                parameter.VAR_POSITIONAL,
                parameter.VAR_KEYWORD,
            }:
                self.fail(f"declare a value for {method}({name}) in method_arguments")
        result = getattr(self.storage, method)(**arguments)
        if inspect.iscoroutine(result):
            result = self.loop.run_until_complete(result)
        if hasattr(result, "__exit__"):
            with result:
                return result
        if isinstance(result, Iterable) and not isinstance(result, (str, bytes)):
            return list(result)  # a generator judges when it starts
        return result
