"""The backends: one module each, imported when a project names it."""
