"""The project's own tests. What other packages may use is in ``storages.testing``."""
