"""Remote pinning: a service that is asked to keep what a node has added.

https://ipfs.github.io/pinning-services-api-spec/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from storages.errors import Corrupt, StorageError
from storages.http import HTTPStorage, bearer, quoted, with_query
from storages.http.answers import words
from storages.options import option

__all__ = ["PinningService"]

#: How many requests for one CID are looked at; the most that a service has to give at once.
_MOST = 1000
_LONGEST_NAME = 255


class PinningService(HTTPStorage):
    """A client of the service: of a storage's kind for the sake of its requests, not its files.

    It has options of its own, so that neither the service nor the node learns what lets a request
    in at the other one.
    """

    extra = "ipfs"
    # It is the address that is not there, which is not to be taken for a missing file.
    statuses: ClassVar[Mapping[int, type[StorageError]]] = {404: StorageError, 410: StorageError}

    endpoint: str = option(required=True, type=str, help="The service's URL.")
    token: str = option(required=True, type=str, secret=True, help="The access token.")

    def pin(self, cid: str, name: str) -> None:
        """Ask the service to keep ``cid``. Raises StorageError when it says that it cannot."""
        wanted = {"cid": cid, "name": name[:_LONGEST_NAME]}
        told = _object(
            self._ask("POST", f"{self.endpoint}/pins", body=json.dumps(wanted).encode()).json()
        )
        if told.get("status") not in ("queued", "pinning", "pinned"):
            raise StorageError(
                f"The pinning service does not keep the file: its status is {told.get('status')!r}."
            )

    def unpin(self, cid: str) -> None:
        """Withdraw every request to keep ``cid``."""
        query = {"cid": cid, "status": "queued,pinning,pinned,failed", "limit": str(_MOST)}
        told = _object(self._ask("GET", with_query(f"{self.endpoint}/pins", query)).json())
        for found in told.get("results") or ():
            request = quoted(str(_object(found).get("requestid", "")))
            if _object(_object(found).get("pin", {})).get("cid") != cid or not request:
                raise Corrupt("The pinning service answered with a pin of another file.")
            # 404: somebody else has withdrawn it.
            self._ask("DELETE", f"{self.endpoint}/pins/{request}", accept=[404])

    def _authorization(self) -> Mapping[str, str]:
        return bearer(self.token)

    def _reason(self, answer: Any) -> str:
        """Return the service's words, which are one level deeper than others'."""
        try:
            error = _object(_object(answer.json()).get("error", {}))
        except Corrupt:
            return words(answer.content)
        return ": ".join(str(error[part]) for part in ("reason", "details") if part in error)


def _object(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise Corrupt("The pinning service's answer is not of its protocol.")
    return found
