"""moto's server, in which a conditional PUT is one step, as S3's is.

moto looks whether a key is free when a request begins, and stores it later: of two requests that
meet both are accepted, and one object is lost.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from moto.s3.responses import S3Response
from moto.server import main

_turn = threading.Lock()


def _one_at_a_time(method: str) -> None:
    handle = getattr(S3Response, method)

    @functools.wraps(handle)
    def handle_alone(*args: Any, **given: Any) -> Any:
        with _turn:
            return handle(*args, **given)

    setattr(S3Response, method, handle_alone)


if __name__ == "__main__":
    _one_at_a_time("_key_response_put")  # copies and parts, too
    _one_at_a_time("_key_response_post")  # completing an upload in parts
    main()
