"""The commands about files, with the surprises of the real tracker."""

from __future__ import annotations

import http.client
import random
import re
import sqlite3

from tests.servers.mogile_tracker.nodes import HASHES, MissingError, Nodes
from tests.servers.mogile_tracker.store import Store
from tests.servers.mogile_tracker.wire import Answer, Arguments, RefusedError, is_true, number

FREE = 50 * 2**30  # bytes on each device, it is said
OFFERED = 3  # destinations with multi_dest
MOST_KEYS = 1000
MOST_FIDS = 500
_CHECKSUM = re.compile(r"(MD5|SHA-1):([0-9a-fA-F]+)")
_DIGITS = {"MD5": 32, "SHA-1": 40}


class Files:
    """Commands: each takes the arguments and returns the answer, or raises RefusedError."""

    def __init__(self, store: Store, nodes: Nodes) -> None:
        self.store = store
        self.nodes = nodes

    # -- storing

    def create_open(self, given: Arguments) -> Answer:
        """A new file id, and where to put its bytes."""
        dmid = self.domain(given)
        classid = 0
        if is_true(given.get("class")):
            found = self._class(dmid, given["class"])
            if found is None:
                raise RefusedError("unreg_class")
            classid = found["classid"]
        devices: list[int] = []
        hosts = set()
        several = is_true(given.get("multi_dest"))
        if number(given.get("size")) <= FREE:
            for device in self.nodes.writable():
                if device["hostid"] not in hosts and len(devices) < (OFFERED if several else 1):
                    devices.append(device["devid"])
                    hosts.add(device["hostid"])
        if not devices:
            raise RefusedError("no_devices")
        key = given.get("key", "")
        if not self.store.takes(key):
            raise RefusedError("db")
        fid = self._new_fid(number(given.get("fid")), dmid, key, classid, devices)
        paths = [self.nodes.shown(devid, fid) for devid in devices]
        if not several:
            return {"fid": fid, "devid": devices[0], "path": paths[0]}
        answer: dict[str, object] = {"fid": fid, "dev_count": len(devices)}
        for at, (devid, path) in enumerate(zip(devices, paths, strict=True), 1):
            answer |= {f"devid_{at}": devid, f"path_{at}": path}
        return answer

    def _new_fid(self, fid: int, dmid: int, key: str, classid: int, devices: list[int]) -> int:
        with self.store.writing() as connection:
            for table in ("tempfile", "file"):
                if self.store.row(f"select 1 from {table} where fid = ?", fid):
                    raise RefusedError("fid_in_use")
            made = connection.execute(
                "insert into tempfile values (?, ?, ?, ?, ?)",
                (fid or None, dmid, key, classid, ",".join(map(str, devices))),
            ).lastrowid
            assert made is not None
            return made

    def create_close(self, given: Arguments) -> Answer:
        """The file is what was put there; it replaces one of the key that is given *now*.

        A size of 0 is not checked, nor is a checksum without ``checksumverify``. Whatever is wrong
        costs the upload.
        """
        dmid = self.domain(given)
        for name in ("fid", "devid", "path"):
            if not is_true(given.get(name)):
                raise RefusedError(f"no_{name}")
        fid, devid, path = number(given["fid"]), number(given["devid"]), given["path"]
        checksum = _checksum(given.get("checksum", ""))
        if path != self.nodes.shown(devid, fid):
            raise RefusedError("bogus_args")
        with self.store.writing():
            opened = self.store.row("select * from tempfile where fid = ?", fid)
            if opened is None:
                raise RefusedError("no_temp_file")
            self.store.run("delete from tempfile where fid = ?", fid)
            self.store.run("insert into file_on values (?, ?)", fid, devid)
        try:
            self._close(given, dmid, opened, checksum)
        except RefusedError:
            self.enqueue("delete", fid)
            raise
        return {}

    def _close(
        self, given: Arguments, dmid: int, opened: sqlite3.Row, checksum: tuple[str, str] | None
    ) -> None:
        fid, devid, path = opened["fid"], number(given["devid"]), given["path"]
        offered: str = opened["devids"]
        if str(devid) not in offered.split(","):
            text = f"File uploaded to invalid dest {devid}. Valid devices were: {offered}"
            raise RefusedError("invalid_destdev", text)
        if not given.get("key"):  # that is how to give an upload up
            self.enqueue("delete", fid)
            return
        size = self._uploaded(given, fid, devid)
        if checksum and is_true(given.get("checksumverify")):
            kind, expected = checksum
            actual = self.nodes.digest(devid, fid, kind)
            if actual != expected:
                text = f"Expected: Checksum[f={fid};{kind}={expected}]; actual: {kind}:{actual}"
                raise RefusedError("checksum_mismatch", f"{text}; path: {path}")
        self._publish(opened, dmid, given["key"], size, checksum)

    def _uploaded(self, given: Arguments, fid: int, devid: int) -> int:
        """How long the upload is, if it is as long as was said."""
        said = number(given["size"]) if is_true(given.get("size")) else -1
        path = given["path"]
        try:
            size = self.nodes.size(devid, fid)
        except (OSError, http.client.HTTPException, MissingError) as error:
            how = "missing" if isinstance(error, MissingError) else "cantreach"
            text = f"Expected: {said}; actual: 0 ({how}); path: {path}; error: "
            raise RefusedError("size_verify_error", text) from error
        if said > -1 and said != size:
            text = f"Expected: {said}; actual: {size}; path: {path}"
            raise RefusedError("size_mismatch", text)
        return size

    def _publish(
        self,
        opened: sqlite3.Row,
        dmid: int,
        key: str,
        size: int,
        checksum: tuple[str, str] | None,
    ) -> None:
        fid, classid, name = opened["fid"], opened["classid"], self.store.kept(key)
        if not self.store.takes(key):
            raise RefusedError("db")
        with self.store.writing():
            if old := self.find(dmid, name):
                self._forget(old["fid"])
            self.store.run(
                "insert into file values (?, ?, ?, ?, ?, 1)", fid, dmid, name, size, classid
            )
            kept = self.store.row(
                "select hashtype from class where dmid = ? and classid = ?", dmid, classid
            )
            if checksum and kept and kept["hashtype"] == checksum[0]:
                self.store.run("insert into checksum values (?, ?, ?)", fid, *checksum)
            self.enqueue("replicate", fid)

    # -- asking

    def get_paths(self, given: Arguments) -> Answer:
        """Where a file can be read; there may be no place at all, and that is no error."""
        file = self.wanted(given)
        most = max(2, number(given.get("pathcount")))
        devices = self.devices(file["fid"])
        random.shuffle(devices)
        paths: list[str] = []
        last_resort = ""
        for devid in devices:
            if not self.nodes.can_be_read(devid):
                continue
            path = self.nodes.shown(devid, file["fid"], get=True)
            if self.nodes.is_down(devid):
                last_resort = path
            elif paths or is_true(given.get("noverify")) or self._matches(devid, file):
                paths.append(path)
            if len(paths) == most:
                break
        if not paths and last_resort:
            paths = [last_resort]
        return {"paths": len(paths), **{f"path{at}": path for at, path in enumerate(paths, 1)}}

    def _matches(self, devid: int, file: sqlite3.Row) -> bool:
        try:
            return bool(self.nodes.size(devid, file["fid"]) == file["length"])
        except (OSError, http.client.HTTPException, MissingError):
            return False

    def file_info(self, given: Arguments) -> Answer:
        """What is known of a file."""
        file = self.wanted(given)
        found = self._class_of(file)
        answer: dict[str, object] = {
            "fid": file["fid"],
            "domain": given["domain"],
            "class": found["name"] if found else "default",
            "key": file["dkey"],
            "length": file["length"],
            "devcount": file["devcount"],
        }
        if is_true(given.get("devices")):
            answer["devids"] = ",".join(map(str, self.devices(file["fid"])))
        if found and found["hashtype"]:
            known = self.store.row("select * from checksum where fid = ?", file["fid"])
            answer["checksum"] = f"{known['hashtype']}:{known['hexdigest']}" if known else "MISSING"
        return answer

    def list_keys(self, given: Arguments) -> Answer:
        """Keys in the store's order. ``prefix`` has no case, and is a pattern for ``after``."""
        dmid = self.domain(given)
        prefix, after = given.get("prefix", ""), given.get("after", "")
        if prefix and is_true(after):
            try:
                matches = re.match(prefix, after, re.DOTALL)
            except re.error:
                raise RefusedError("failure") from None
            if not matches:
                raise RefusedError("after_mismatch")
        limit = min(number(given.get("limit")) or MOST_KEYS, MOST_KEYS)
        if limit < 0 and self.store.mysql:
            raise RefusedError("failure")
        found = self.store.rows(
            "select dkey from file where dmid = ? and dkey > ? and begins(dkey, ?)"
            " order by dkey limit ?",
            *(dmid, after, prefix, limit),
        )
        if not found:
            raise RefusedError("none_match")
        keys: list[str] = [row["dkey"] for row in found]
        return {
            "key_count": len(keys),
            "next_after": max(keys),  # by its bytes, whatever the order is
            **{f"key_{at}": key for at, key in enumerate(keys, 1)},
        }

    def list_fids(self, given: Arguments) -> Answer:
        """So many (``to``) files after a file id (``from``)."""
        limit = number(given.get("to"))
        rows = self.store.rows(
            "select file.*, domain.name as domain from file join domain using (dmid)"
            " where fid > ? order by fid limit ?",
            number(given.get("from")),
            limit if 0 <= limit <= MOST_FIDS else MOST_FIDS,
        )
        answer: dict[str, object] = {"fid_count": len(rows)}
        for at, row in enumerate(rows, 1):
            found = self._class_of(row)
            answer |= {
                f"fid_{at}_fid": row["fid"],
                f"fid_{at}_domain": row["domain"],
                f"fid_{at}_class": found["name"] if found else "default",
                f"fid_{at}_key": row["dkey"],
                f"fid_{at}_length": row["length"],
                f"fid_{at}_devcount": row["devcount"],
            }
        return answer

    # -- changing

    def delete(self, given: Arguments) -> Answer:
        """The key is gone at once, its bytes a little later."""
        file = self.wanted(given)
        with self.store.writing():
            self._forget(file["fid"])
        return {}

    def rename(self, given: Arguments) -> Answer:
        """Never onto another file; what follows that refusal is in the server.

        As by ``delete``, the file is looked for before, and may have another key meanwhile.
        """
        dmid = self.domain(given)
        old, new = given.get("from_key", ""), given.get("to_key", "")
        if not (old and new):
            raise RefusedError("no_key")
        file = self.find(dmid, old)
        if file is None:
            raise RefusedError("unknown_key")
        with self.store.writing():
            if not self.store.takes(new):
                raise RefusedError("db")
            kept = self.store.kept(new)
            there = self.find(dmid, kept)
            if there is not None and there["fid"] != file["fid"]:
                raise RefusedError("key_exists")
            self.store.run("update file set dkey = ? where fid = ?", kept, file["fid"])
        return {}

    def updateclass(self, given: Arguments) -> Answer:
        """Another class, which may want more copies."""
        dmid = self.domain(given)
        found = self._class(dmid, given.get("class", ""))
        if found is None:
            raise RefusedError("class_not_found")
        file = self.find(dmid, self.key(given))
        if file is None:
            raise RefusedError("invalid_key")
        with self.store.writing():
            self.store.run(
                "update file set classid = ? where fid = ?", found["classid"], file["fid"]
            )
            self.enqueue("replicate", file["fid"])
        return {}

    # -- helpers

    def domain(self, given: Arguments) -> int:
        """The number of the domain."""
        if not given.get("domain"):
            raise RefusedError("no_domain")
        found = self.store.row("select dmid from domain where name = ?", given["domain"])
        if found is None:
            raise RefusedError("unreg_domain")
        dmid: int = found["dmid"]
        return dmid

    def key(self, given: Arguments) -> str:
        """The key, which must be there."""
        if not given.get("key"):
            raise RefusedError("no_key")
        return given["key"]

    def find(self, dmid: int, key: str) -> sqlite3.Row | None:
        """A file by its key."""
        return self.store.row("select * from file where dmid = ? and dkey = ?", dmid, key)

    def wanted(self, given: Arguments) -> sqlite3.Row:
        """The file that the arguments name."""
        dmid = self.domain(given)
        found = self.find(dmid, self.key(given))
        if found is None:
            raise RefusedError("unknown_key")
        return found

    def devices(self, fid: int) -> list[int]:
        """The devices that have a file."""
        rows = self.store.rows("select devid from file_on where fid = ? order by devid", fid)
        return [row["devid"] for row in rows]

    def enqueue(self, kind: str, fid: int) -> None:
        """Let a worker do it."""
        self.store.run("insert or replace into queue values (?, ?, 0, null)", kind, fid)

    def _forget(self, fid: int) -> None:
        self.store.run("delete from file where fid = ?", fid)
        self.store.run("delete from checksum where fid = ?", fid)
        self.store.run("delete from queue where kind = 'replicate' and fid = ?", fid)
        self.enqueue("delete", fid)

    def _class(self, dmid: int, name: str) -> sqlite3.Row | None:
        return self.store.row("select * from class where dmid = ? and name = ?", dmid, name)

    def _class_of(self, file: sqlite3.Row) -> sqlite3.Row | None:
        return self.store.row(
            "select * from class where dmid = ? and classid = ?", file["dmid"], file["classid"]
        )


def _checksum(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    found = _CHECKSUM.fullmatch(text)
    if found is None or len(found[2]) != _DIGITS[found[1]]:
        raise RefusedError("invalid_checksum_format")
    assert found[1] in HASHES
    return found[1], found[2].lower()
