"""Requests that are sent as they stand: no client puts their paths in order first."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import TypeAlias

from tests.servers.process import HOST, Server

Answered: TypeAlias = tuple[int, http.client.HTTPMessage, bytes]


def ask(
    server: Server, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> Answered:
    """Send a request; return the status, the headers, and the body."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def asked_once(server: Server, path: str, **headers: str) -> Answered:
    """Send a GET with headers."""
    return ask(server, path, headers={name.replace("_", "-"): headers[name] for name in headers})
