"""The pages: what is stored, storing, side by side, download, preview, delete."""

from __future__ import annotations

import posixpath

from django.contrib import messages
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
)
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from . import samples
from .catalog import Place, place_or_404, places
from .images import HEAD_SIZE, safe_image_type
from .listing import Listing, count, listing
from .models import Comparison
from .storing import REFUSALS, Outcome, reason, store, store_everywhere

# How many earlier comparisons the side-by-side page keeps in sight.
COMPARISONS = 3
_NOTHING_CHOSEN = "Choose a file first."


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show every configured storage with what it holds."""
    cards = [_card(place) for place in places()]
    return render(request, "uploads/overview.html", {"cards": cards, "here": "overview"})


@require_http_methods(["GET", "HEAD", "POST"])
def storage_page(request: HttpRequest, alias: str) -> HttpResponseBase:
    """Show one storage's files; take uploads.

    The page's script sends one file at a time and asks for JSON; a form without it sends all at
    once and is led back to the page, which then shows the outcomes as messages.
    """
    place = place_or_404(alias)
    if request.method == "POST":
        outcomes = [
            store(place.storage, upload, str(upload.name))
            for upload in request.FILES.getlist("files")
        ]
        if request.headers.get("Accept") == "application/json":
            # 200 also for a refusal: the request was understood, and one may carry several files.
            return JsonResponse(
                {
                    "outcomes": [
                        {"stored": not outcome.reason, "message": outcome.message}
                        for outcome in outcomes
                    ]
                }
            )
        _tell(request, outcomes)
        return redirect("uploads:storage", alias)
    found, error = Listing([], more=False), ""
    try:
        found = listing(place.storage)
    except REFUSALS as problem:
        error = reason(problem)
    context = {
        "place": place,
        "listing": found,
        "error": error,
        "samples": samples.available(),
        "here": alias,
    }
    return render(request, "uploads/storage.html", context)


@require_POST
def store_sample(request: HttpRequest, alias: str) -> HttpResponse:
    """Store a file that is on this machine already: the symlink storage links to it."""
    place = place_or_404(alias)
    name = request.POST.get("sample", "")
    if name not in samples.available():
        raise Http404(f"There is no sample named {name!r}.")
    with (samples.folder() / name).open("rb") as file:
        _tell(request, [store(place.storage, File(file, name), name)])
    return redirect("uploads:storage", alias)


@require_POST
def delete(request: HttpRequest, alias: str) -> HttpResponse:
    """Delete one file."""
    place = place_or_404(alias)
    name = request.POST.get("name", "")
    try:
        place.storage.delete(name)
        messages.success(request, f"“{name}” is deleted.")
    except REFUSALS as error:
        messages.error(request, f"“{name}” was not deleted: {reason(error)}")
    return redirect("uploads:storage", alias)


@require_safe
def download(_request: HttpRequest, alias: str, name: str) -> FileResponse:
    """Send a stored file in pieces, always as a file to keep, never as a page."""
    response = FileResponse(
        _open_or_404(place_or_404(alias), name),
        as_attachment=True,
        filename=posixpath.basename(name),
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
def preview(_request: HttpRequest, alias: str, name: str) -> FileResponse:
    """Send a stored image to be shown in the page.

    :raises Http404: the file is not of a type that is safe to show.
    """
    file = _open_or_404(place_or_404(alias), name)
    content_type = safe_image_type(file.read(HEAD_SIZE))
    if content_type is None:
        file.close()
        raise Http404("This file is not an image that can be shown.")
    file.seek(0)
    response = FileResponse(file, content_type=content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    # A name can be given to another file at any time.
    response["Cache-Control"] = "no-cache"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def compare(request: HttpRequest) -> HttpResponse:
    """Store one file in every storage, and show what each made of it."""
    if request.method == "POST":
        upload = request.FILES.get("file")
        if isinstance(upload, UploadedFile):
            store_everywhere(upload, places())
        else:
            messages.error(request, _NOTHING_CHOSEN)
        return redirect("uploads:compare")
    place_of = {place.alias: place for place in places()}
    comparisons = [
        {
            "upload": comparison,
            "copies": [
                {"place": place_of[copy.alias], "copy": copy}
                for copy in comparison.copies.all()
                if copy.alias in place_of
            ],
        }
        for comparison in Comparison.objects.prefetch_related("copies")[:COMPARISONS]
    ]
    return render(request, "uploads/compare.html", {"comparisons": comparisons, "here": "compare"})


def _card(place: Place) -> dict[str, object]:
    """Describe a storage on the overview; one that is out of reach says so there."""
    try:
        number, more = count(place.storage)
    except REFUSALS as error:
        return {"place": place, "error": reason(error)}
    return {"place": place, "number": number, "more": more}


def _open_or_404(place: Place, name: str) -> File[bytes]:
    try:
        return place.storage.open(name)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise Http404(f"{place.title} has no file named {name!r}.") from error


def _tell(request: HttpRequest, outcomes: list[Outcome]) -> None:
    """Leave a message about each file for the next page."""
    if not outcomes:
        messages.error(request, _NOTHING_CHOSEN)
    for outcome in outcomes:
        (messages.error if outcome.reason else messages.success)(request, outcome.message)
