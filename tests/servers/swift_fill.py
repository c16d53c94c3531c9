"""Write a long listing into a container's database: storing as many objects takes minutes.

Runs with the Python of Swift's own environment, as swift_cluster.py does:
``swift_fill.py swift.conf devices account container count [directory]``.
"""

# ruff: noqa: E402 - see there

from __future__ import annotations

import sys
import time
from pathlib import Path

import swift.common.utils

COMMON, DEVICES, ACCOUNT, CONTAINER, COUNT, *GIVEN = sys.argv[1:]
DIRECTORY = GIVEN[0] if GIVEN else "d"
swift.common.utils.SWIFT_CONF_FILE = COMMON

from swift.common.utils import hash_path, validate_hash_conf
from swift.container.backend import ContainerBroker

validate_hash_conf()
wanted = hash_path(ACCOUNT, CONTAINER)
(database,) = Path(DEVICES).glob(f"device/containers/*/*/{wanted}/{wanted}.db")
now = f"{time.time():.5f}"
record = {
    "created_at": now,
    "size": 3,
    "content_type": "text/plain",
    "etag": "900150983cd24fb0d6963f7d28e17f72",
    "deleted": 0,
    "storage_policy_index": 0,
    "ctype_timestamp": None,
    "meta_timestamp": None,
}
ContainerBroker(str(database)).merge_items(
    [{**record, "name": f"{DIRECTORY}/{number:06d}.txt"} for number in range(int(COUNT))]
)
