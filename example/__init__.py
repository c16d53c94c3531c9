"""A site that tries every configured storage in the browser. ``python example/manage.py demo``."""
