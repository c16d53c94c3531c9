"""The commands about domains, classes, hosts and devices."""

from __future__ import annotations

import re
import sqlite3

from tests.servers.mogile_tracker.files import FREE
from tests.servers.mogile_tracker.nodes import Nodes
from tests.servers.mogile_tracker.store import Store
from tests.servers.mogile_tracker.wire import Answer, Arguments, RefusedError, number

HASHTYPES = {"NONE", "MD5", "SHA-1"}
HOST_STATES = {"alive", "readonly", "down"}
DEVICE_STATES = {"alive", "down", "dead", "readonly", "drain"}
DEFAULT_COPIES = 1  # what mogilefsd is configured with; its own default is 2


class Admin:
    """Commands: each takes the arguments and returns the answer, or raises RefusedError."""

    def __init__(self, store: Store, nodes: Nodes) -> None:
        self.store = store
        self.nodes = nodes

    # -- domains

    def create_domain(self, given: Arguments) -> Answer:
        """A domain with its class ``default``."""
        name = _needed(given, "domain")
        with self.store.writing():
            if self.store.row("select 1 from domain where name = ?", name):
                raise RefusedError("domain_exists")
            self.store.run("insert into domain (name) values (?)", name)
            self._insert_class(self._domain(given), 0, "default", DEFAULT_COPIES)
        return {"domain": name}

    def delete_domain(self, given: Arguments) -> Answer:
        """Only an empty one."""
        with self.store.writing():
            dmid = self._domain(given)
            if self.store.row("select 1 from file where dmid = ?", dmid):
                raise RefusedError("domain_has_files")
            if self.store.row("select 1 from class where dmid = ? and classid > 0", dmid):
                raise RefusedError("domain_has_classes")
            self.store.run("delete from class where dmid = ?", dmid)
            self.store.run("delete from domain where dmid = ?", dmid)
        return {"domain": given["domain"]}

    def get_domains(self, given: Arguments) -> Answer:
        """All domains with their classes."""
        domains = self.store.rows("select * from domain")
        answer: dict[str, object] = {"domains": len(domains)}
        for at, domain in enumerate(domains, 1):
            classes = self.store.rows("select * from class where dmid = ?", domain["dmid"])
            answer |= {f"domain{at}": domain["name"], f"domain{at}classes": len(classes)}
            for place, found in enumerate(classes, 1):
                before = f"domain{at}class{place}"
                answer[f"{before}hashtype"] = found["hashtype"] or "NONE"
                for column in ("name", "mindevcount", "replpolicy"):
                    answer[before + column] = found[column]
        return answer

    # -- classes

    def create_class(self, given: Arguments) -> Answer:
        """A class of a domain: how many copies, which hash."""
        copies, hashtype = self._class_options(given)
        with self.store.writing():
            dmid, name = self._domain(given), given["class"]
            if self._class(dmid, name):
                raise RefusedError("class_exists")
            last = self.store.row("select max(classid) as id from class where dmid = ?", dmid)
            assert last is not None
            self._insert_class(dmid, last["id"] + 1, name, copies, hashtype)
        return {"domain": given["domain"], "class": name, "mindevcount": copies}

    def update_class(self, given: Arguments) -> Answer:
        """The same for a class that is there."""
        copies, hashtype = self._class_options(given)
        with self.store.writing():
            dmid, name = self._domain(given), given["class"]
            found = self._class(dmid, name)
            if found is None:
                raise RefusedError("class_not_found")
            self.store.run(
                "update class set mindevcount = ?, hashtype = ? where dmid = ? and classid = ?",
                *(copies, hashtype if given.get("hashtype") else found["hashtype"]),
                *(dmid, found["classid"]),
            )
        return {"domain": given["domain"], "class": name, "mindevcount": copies}

    def delete_class(self, given: Arguments) -> Answer:
        """Only one without files, and never the default."""
        name = _needed(given, "class")
        if name == "default":
            raise RefusedError("nodel_default_class")
        with self.store.writing():
            dmid = self._domain(given)
            found = self._class(dmid, name)
            if found is None:
                raise RefusedError("class_not_found")
            place = (dmid, found["classid"])
            if self.store.row("select 1 from file where dmid = ? and classid = ?", *place):
                raise RefusedError("class_has_files")
            self.store.run("delete from class where dmid = ? and classid = ?", *place)
        return {"domain": given["domain"], "class": name}

    # -- hosts and devices

    def create_host(self, given: Arguments) -> Answer:
        """A storage node's address."""
        name = _needed(given, "host")
        for needed in ("ip", "port"):
            _needed(given, needed)
        with self.store.writing():
            if self._host(name):
                raise RefusedError("host_exists")
            self.store.run(
                "insert into host (hostname, hostip, http_port, status) values (?, ?, ?, ?)",
                *(name, given["ip"], number(given["port"]), _state(given) or "down"),
            )
        return self._told(name)

    def update_host(self, given: Arguments) -> Answer:
        """Its address or its state."""
        name = _needed(given, "host")
        status = _state(given)
        columns = {"ip": "hostip", "port": "http_port", "getport": "http_get_port"}
        with self.store.writing():
            if self._host(name) is None:
                raise RefusedError("host_not_found")
            changes = {columns[key]: given[key] for key in columns if key in given}
            for column, value in {**changes, **({"status": status} if status else {})}.items():
                self.store.run(f"update host set {column} = ? where hostname = ?", value, name)
        return self._told(name)

    def get_hosts(self, given: Arguments) -> Answer:
        """All hosts."""
        rows = self.store.rows("select * from host where ? in (0, hostid)",
                               number(given.get("hostid")))  # fmt: skip
        answer: dict[str, object] = {"hosts": len(rows)}
        for at, row in enumerate(rows, 1):
            answer |= {f"host{at}_altip": "", f"host{at}_altmask": ""}
            for column in ("hostid", "status", "hostname", "hostip", "http_port", "http_get_port"):
                answer[f"host{at}_{column}"] = "" if row[column] is None else row[column]
        return answer

    def create_device(self, given: Arguments) -> Answer:
        """A disk of a host."""
        state = given.get("state") or "alive"
        if state not in DEVICE_STATES:
            raise RefusedError("invalid_state")
        if not re.fullmatch(r"[1-9]\d*", given.get("devid", "")):
            raise RefusedError("invalid_devid")
        with self.store.writing():
            host = self._host(given.get("hostname", ""))
            if host is None:
                raise RefusedError("unknown_host")
            if self.store.row("select 1 from device where devid = ?", number(given["devid"])):
                raise RefusedError("existing_devid")
            self.store.run("insert into device (devid, hostid, status) values (?, ?, ?)",
                           number(given["devid"]), host["hostid"], state)  # fmt: skip
        return {}

    def set_state(self, given: Arguments) -> Answer:
        """What the administrator says of a device."""
        state, devid = given.get("state"), number(given.get("device"))
        if not (given.get("host") and devid and state in DEVICE_STATES):
            raise RefusedError("bad_params")
        device = self.nodes.device(devid)
        if device is None:
            raise RefusedError("no_device")
        if device["hostname"] != given["host"]:
            raise RefusedError("host_mismatch")
        self.store.run("update device set status = ? where devid = ?", state, devid)
        return {}

    def get_devices(self, given: Arguments) -> Answer:
        """All devices, and what the monitor has found."""
        rows = self.store.rows("select * from device where ? in (0, devid)",
                               number(given.get("devid")))  # fmt: skip
        answer: dict[str, object] = {"devices": len(rows)}
        room = {"mb_total": FREE >> 20, "mb_free": FREE >> 20, "mb_used": 0, "mb_asof": ""}
        for at, row in enumerate(rows, 1):
            told = {column: row[column] for column in ("devid", "hostid", "status", "weight")}
            observed = self.nodes.observed.get(row["devid"], "")
            more = {"observed_state": observed, "utilization": "", "reject_bad_md5": ""}
            answer |= {f"dev{at}_{key}": value for key, value in {**told, **room, **more}.items()}
        return answer

    # -- helpers

    def _domain(self, given: Arguments) -> int:
        name = _needed(given, "domain")
        found = self.store.row("select dmid from domain where name = ?", name)
        if found is None:
            raise RefusedError("domain_not_found")
        dmid: int = found["dmid"]
        return dmid

    def _class_options(self, given: Arguments) -> tuple[int, str | None]:
        _needed(given, "domain")
        _needed(given, "class")
        copies = number(given.get("mindevcount"))
        if copies < 1:
            raise RefusedError("invalid_mindevcount")
        if policy := given.get("replpolicy"):
            name = policy.partition("(")[0]
            if name not in {"MultipleHosts", "MultipleDevices"}:
                raise RefusedError(
                    "invalid_replpolicy", f"Failed to load replication policy class {name}"
                )
        hashtype = given.get("hashtype") or "NONE"
        if hashtype not in HASHTYPES:
            raise RefusedError("invalid_hashtype")
        return copies, None if hashtype == "NONE" else hashtype

    def _class(self, dmid: int, name: str) -> sqlite3.Row | None:
        return self.store.row("select * from class where dmid = ? and name = ?", dmid, name)

    def _insert_class(
        self, dmid: int, classid: int, name: str, copies: int, hashtype: str | None = None
    ) -> None:
        self.store.run("insert into class values (?, ?, ?, ?, 'MultipleHosts()', ?)",
                       dmid, classid, name, copies, hashtype)  # fmt: skip

    def _host(self, name: str) -> sqlite3.Row | None:
        return self.store.row("select * from host where hostname = ?", name)

    def _told(self, name: str) -> Answer:
        host = self._host(name)
        assert host is not None
        return {"hostid": host["hostid"], "hostname": name}


def _needed(given: Arguments, name: str) -> str:
    if not given.get(name):
        raise RefusedError(f"no_{name}")
    return given[name]


def _state(given: Arguments) -> str | None:
    if given.get("status") and given["status"] not in HOST_STATES:
        raise RefusedError("unknown_state")
    return given.get("status")
