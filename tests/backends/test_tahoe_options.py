"""Tahoe-LAFS: which directories and addresses are taken, and what is said of others."""

from __future__ import annotations

import traceback
from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured

from storages.backends.tahoe import TahoeStorage
from storages.errors import OptionError
from tests.backends.tahoe_directory import CAP, assert_hidden

FILE = CAP.replace("DIR2", "CHK") + ":1:1:101"


@pytest.mark.parametrize(
    "cap",
    [
        "",
        "secret-thing",
        FILE,
        FILE.replace("CHK", "DIR2-Verifier"),
        CAP.replace("DIR2", "DIR2-Verifier"),
        CAP.replace("DIR2", "SSK"),
        CAP[:-1],
        CAP + "/x",
        "URI:LIT:krugs4y",
    ],
)
def test_a_base_cap_that_is_no_directory_is_refused(cap: str) -> None:
    """What is no directory's capability is refused when the storage is made, and is not shown."""
    with pytest.raises(ImproperlyConfigured, match="TAHOE_STORAGE_BASE_CAP") as caught:
        TahoeStorage("http://localhost:3456/", cap)
    if cap:
        assert_hidden(cap, "".join(traceback.format_exception(caught.value)))


@pytest.mark.parametrize(
    "cap",
    [
        CAP,
        f" {CAP}\n",
        CAP.replace("DIR2", "DIR2-RO"),
        CAP.replace("DIR2", "DIR2-MDMF"),
        CAP.replace("DIR2", "DIR2-MDMF-RO") + ":3:131073",
        FILE.replace("CHK", "DIR2-CHK"),
        "URI:DIR2-LIT:ge3dumj2mewdcotyfqydulbshj5x2lbm",
    ],
)
def test_every_kind_of_directory_is_taken(cap: str) -> None:
    """Any capability of a directory will do; white space around it does not matter."""
    assert TahoeStorage("http://localhost:3456", cap).tahoe_base_cap == cap.strip()


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("tahoe_base_url", "localhost:3456", "http"),
        ("tahoe_base_url", "ftp://localhost/", "http"),
        ("tahoe_base_url", "http://", "host"),
        ("tahoe_base_url", "http://user:hush@localhost/", "password"),
        ("tahoe_base_url", f"http://localhost:3456/uri/{quote(CAP, safe='')}/", "capability"),
        ("tahoe_base_url", f"http://localhost:3456/uri/{CAP}", "capability"),
        ("base_url", f"http://localhost:3456/uri/{CAP}", "capability"),
        ("base_url", "http://localhost:3456/?x=1", "alone"),
        ("url_style", "other", "named"),
    ],
)
def test_options_are_judged(option: str, value: str, why: str) -> None:
    """An address or style that cannot work is refused, without showing what may be secret."""
    given = {"tahoe_base_url": "http://localhost:3456/", "tahoe_base_cap": CAP, option: value}
    with pytest.raises(OptionError, match=why) as caught:
        TahoeStorage(**given)
    shown = "".join(traceback.format_exception(caught.value))
    assert_hidden(CAP, shown)
    assert "hush" not in shown


def test_settings_are_required() -> None:
    """Without an address or a directory there is no storage."""
    with pytest.raises(ImproperlyConfigured, match="TAHOE_STORAGE_BASE_URL"):
        TahoeStorage()
    with pytest.raises(ImproperlyConfigured, match="TAHOE_STORAGE_BASE_CAP"):
        TahoeStorage("http://localhost:3456/")


def test_check_about_the_public_address() -> None:
    """W080: URLs that lead to the gateway which can write are worth a warning."""
    (message,) = TahoeStorage("http://localhost:3456/", CAP).check("default")
    assert message.id == "storages.W080"
    assert_hidden(CAP, str(message))
    assert not list(TahoeStorage("http://localhost:3456/", CAP, "http://h.example").check("x"))
