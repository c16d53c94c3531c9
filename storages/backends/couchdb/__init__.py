"""Files in CouchDB: a document for each, with an attachment ``content``.

The document's id is the file's name. It is written together with the attachment, in one request
(``multipart/related``), so it is there as a whole or not at all, and CouchDB decides by its
revision who creates a name. Documents of the 1.1.4 release, which have a ``size`` and such an
attachment, are read as they are.

https://docs.couchdb.org/en/stable/api/document/
"""

from __future__ import annotations

from storages.backends.couchdb.storage import CouchDBFile, CouchDBStorage

__all__ = ["CouchDBFile", "CouchDBStorage"]
