"""Django storages that never lose a file and never show half of one.

Nothing is imported here: a settings module may import anything below ``storages``.
"""

__version__ = "2.0.0.dev0"
