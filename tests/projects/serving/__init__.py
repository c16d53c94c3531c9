"""A site whose storages are served by ``storages.urls``, over WSGI and ASGI."""
