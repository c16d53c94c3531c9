"""An app with file fields and a static file."""
