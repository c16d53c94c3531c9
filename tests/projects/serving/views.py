"""What a site has beside the files: a page that shows a film, and a way to store files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import storages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from storages import signing


def ready(request: HttpRequest) -> HttpResponse:
    """Tell that the site answers."""
    return HttpResponse("ready")


@require_http_methods(["PUT"])
def put(request: HttpRequest, alias: str, name: str) -> HttpResponse:
    """Store the request's body, and answer with the name under which it is."""
    return HttpResponse(storages[alias].save(name, File(cast("Any", request), name)))


def link(request: HttpRequest, alias: str, name: str) -> HttpResponse:
    """Answer with the URL that the storage gives, as a template would show it; or with a link."""
    given: dict[str, Any] = request.GET.dict()
    if not given:
        return HttpResponse(storages[alias].url(name))
    if "expire" in given:
        given["expire"] = float(given["expire"])
    return HttpResponse(signing.link(alias, name, **given))


def watch(request: HttpRequest) -> HttpResponse:
    """Show a film: the browser learns its length and fetches no more of it than it must."""
    page = '<!doctype html><title>film</title><video preload="metadata" muted src="{}"></video>'
    return HttpResponse(format_html(page, request.GET["src"]))


def file_response(request: HttpRequest, name: str) -> FileResponse:
    """Answer as many projects do: a file on this disk in a FileResponse."""
    return FileResponse(Path(settings.MEDIA_ROOT, name).open("rb"))


def is_member(request: HttpRequest, alias: str, name: str) -> bool:
    """Tell whether a file of ``members`` may be had: a real project asks ``request.user``."""
    return request.headers.get("X-Member") == name.partition("/")[0]
