"""The view of the 1.1.4 release: by Perlbal, which fetches files from their nodes, or by itself."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponseBase

from storages.backends.mogilefs.storage import MogileFSStorage
from storages.serving.compatibility import public, storage_of
from storages.views import respond

__all__ = ["serve_mogilefs_file"]

#: Seconds for which the places of a file are remembered. A file that is replaced is sent from its
#: old places for so long, or not at all, when trackers have deleted what was there.
_REMEMBERED = 60


def serve_mogilefs_file(
    request: HttpRequest, key: str | None = None, storage: MogileFSStorage | str | None = None
) -> HttpResponseBase:
    """Answer with the file ``key`` to everybody, as :func:`storages.views.serve` would.

    With ``SERVE_WITH_PERLBAL`` the answer to GET has no body, but names all copies of the file in
    ``X-REPROXY-URL``: they are on internal hosts, so Perlbal, which takes the header away, has to
    stand before this site.

    Arguments:
        request: a GET or HEAD.
        key: the file's name, from the URL.
        storage: the storage or its alias in ``STORAGES``. Default: the first alias that is a
            MogileFSStorage, else what the settings describe.

    Raises Http404.

    """
    if not key:
        raise Http404("There is no such file.")
    found = storage_of(MogileFSStorage, storage)
    if found.serve_with_perlbal:
        place = public(offload="x-reproxy-url", remember=_REMEMBERED)
    else:
        place = public()
    return respond(request, found, key, place)
