"""``.. storage-options:: path.to.Storage``: the table of a storage's options.

Made from the options' declarations, so that it cannot say anything else than the code does.
"""

from __future__ import annotations

from typing import ClassVar

from django.utils.module_loading import import_string
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from storages.options import Option, options_of


def cell(option: Option) -> tuple[str, str, str, str]:
    """Return the columns of the option's row."""
    name = f"``{option.name}``"
    default = "required" if option.required else f"``{option.default!r}``"
    settings = ", ".join(f"``{setting}``" for setting in option.settings) or "\\"
    meaning = option.help
    if option.secret:
        some = isinstance(option.secret, tuple) and ", ".join(option.secret)
        meaning += f" Secret: {some}." if some else " Secret."
    return name, settings, default, meaning


class StorageOptions(SphinxDirective):
    """The directive; its one argument is the class's dotted path."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        storage = import_string(self.arguments[0])
        lines = [
            ".. list-table::",
            "   :header-rows: 1",
            "   :widths: 20 25 15 40",
            "",
        ]
        rows = [("Option", "Setting", "Default", "Meaning")]
        rows += [cell(option) for option in options_of(storage).values()]
        for row in rows:
            lines += [f"   {'*' if at == 0 else ' '} - {text}" for at, text in enumerate(row)]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of the directive."""
    app.add_directive("storage-options", StorageOptions)
    return {"version": "1", "parallel_read_safe": True}
