"""Live the project's life; print what comes of it as JSON. Arguments: the ports of two trackers."""

from __future__ import annotations

import io
import json
import socket
import sys
from typing import Any
from unittest import mock

import django
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client, override_settings


def redirected(ports: list[int]) -> Any:
    """Let the manual's hosts be here."""
    trackers = dict(zip(["foo.sample.com", "bar.sample.com"], ports, strict=True))
    connect = socket.create_connection

    def create_connection(address: tuple[str, int], *args: Any, **how: Any) -> socket.socket:
        host, port = address
        if host in trackers:
            assert port == 7001
            address = "127.0.0.1", trackers[host]
        return connect(address, *args, **how)

    return mock.patch.object(socket, "create_connection", create_connection)


def life() -> dict[str, Any]:
    """Save, read, serve."""
    django.setup()
    from django.core.files.storage import default_storage
    from PIL import Image

    from tests.projects.mogilefs.models import Avatar

    found: dict[str, Any] = {"messages": [message.id for message in run_checks()]}
    found["class"] = default_storage.__class__.__module__
    found["deconstructed"] = Avatar._meta.get_field("image").storage.deconstruct()  # type: ignore[union-attr]
    call_command("migrate", run_syncdb=True, verbosity=0)
    picture = io.BytesIO()
    Image.new("RGB", (3, 2)).save(picture, "PNG")
    avatar = Avatar()
    avatar.image.save("a b.png", ContentFile(picture.getvalue()), save=False)
    avatar.thumb.save("small/a b.png", ContentFile(picture.getvalue()), save=False)
    avatar.save()
    again = Avatar.objects.get()
    with again.image.open() as file:
        found["read back"] = file.read() == picture.getvalue()
    found["names"] = [again.image.name, again.thumb.name]
    found["size"] = [again.image.width, again.image.height]
    found["url"] = again.image.url
    client = Client()
    proxied = client.get(again.image.url)
    found["proxied"] = {
        "status": proxied.status_code,
        "type": proxied["Content-Type"],
        "length": len(b"".join(proxied)),
        "paths": proxied["X-REPROXY-URL"],
    }
    with override_settings(SERVE_WITH_PERLBAL=False):
        served = client.get(again.image.url)
        found["served"] = b"".join(served) == picture.getvalue()
        served.close()
    found["missing"] = client.get("/mogilefs/no.png").status_code
    default_storage.close()  # type: ignore[attr-defined] # the class is ours
    return found


with redirected([int(port) for port in sys.argv[1:]]):
    json.dump(life(), sys.stdout)
