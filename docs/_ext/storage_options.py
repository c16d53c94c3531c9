"""``.. storage-options:: path.to.Storage`` and ``.. storage-settings::``.

The table of a storage's options, and the list of all settings. Both are made from the options'
declarations, so that they cannot say anything else than the code does.
"""

from __future__ import annotations

from typing import ClassVar

from django.utils.module_loading import import_string
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from docs._ext.declared import default_of, lines, meaning_of
from storages.options import Option, options_of


def cells(option: Option) -> tuple[list[str], list[str]]:
    """Return the option's row: its name and settings, its meaning and default."""
    names = [f"``{option.name}``", *(f"``{setting}``" for setting in option.settings)]
    default = default_of(option)
    told = "Required." if option.required else f"Default: {default}"
    return [f"| {name}" for name in names], [meaning_of(option), "", told]


class StorageOptions(SphinxDirective):
    """The table; the one argument is the class's dotted path."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        storage = import_string(self.arguments[0])
        text = [
            ".. list-table::",
            "   :header-rows: 1",
            "   :widths: 40 60",
            "   :class: options",
            "",
        ]
        rows = [(["Option, settings"], ["Meaning, default"])]
        rows += [cells(option) for option in options_of(storage).values()]
        for row in rows:
            for at, (first, *rest) in enumerate(row):
                text.append(f"   {'*' if at == 0 else ' '} - {first}")
                text += [f"       {line}".rstrip() for line in rest]
        return self.parse_text_to_nodes("\n".join(text))


class StorageSettings(SphinxDirective):
    """The list of all settings."""

    def run(self) -> list[nodes.Node]:
        """Return its sections."""
        return self.parse_text_to_nodes("\n".join(lines()), allow_section_headings=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of the directives."""
    app.add_directive("storage-options", StorageOptions)
    app.add_directive("storage-settings", StorageSettings)
    return {"version": "1", "parallel_read_safe": True}
