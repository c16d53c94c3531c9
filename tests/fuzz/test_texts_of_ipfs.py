"""IPFS: content identifiers, multiaddrs, the URLs of gateways, and what nodes say."""

from __future__ import annotations

from urllib.parse import urlsplit

from storages.backends.ipfs import addresses, cids, sayings
from tests.backends.test_ipfs_cids import SPELLINGS, V0
from tests.fuzz.making import fuzz, mutated

ADDRESSES = (
    "/ip4/127.0.0.1/tcp/5001",
    "/ip6/::1/tcp/5001/http",
    "/dns/ipfs.example.com/tcp/443/https",
    "/dns4/h/tcp/80/tls/http/",
    "http://127.0.0.1:5001/api/v0",
    "https://user:pw@h/ipfs/",
    "https://{cid}.ipfs.example.com",
    "http://0.0.0.0:8080",
    "http://[::]:8080/ipfs",
)


def test_cids() -> None:
    """A text is a CID or a ValueError, and tells the same each time."""

    def check(text: str) -> None:
        cids.is_path(text)
        try:
            found = cids.parse(text)
        except ValueError:
            return
        assert found.version in {0, 1}
        assert 0 < len(found.digest) <= 64
        assert found.is_of_leaf(b"x") in {True, False, None}
        assert found.sha256 is None or found.sha256 == found.digest.hex()

    fuzz(
        mutated([V0, *SPELLINGS.values(), f"{V0}/a/b"], ("Qm", "b", "z", "k", "f")),
        check,
        quick=300,
        share=0.4,
    )


def test_addresses() -> None:
    """An address becomes a URL with a host, or is refused with ValueError."""

    def check(text: str) -> None:
        for convert in (addresses.api_address, addresses.gateway_address):
            try:
                url = convert(text)
            except ValueError:
                continue
            parts = urlsplit(url.replace("{cid}", "bafy"))
            assert parts.scheme in {"http", "https"}
            assert parts.hostname

    fuzz(
        mutated(ADDRESSES, ("/tcp/", "/ip6/", "[", "]", ":", "@", "{cid}", "%")),
        check,
        quick=300,
        share=0.4,
    )


def test_sayings() -> None:
    """Whatever a node says, it is an error of ours."""
    words = ("context deadline exceeded", "not pinned or pinned indirectly", "no link named x")
    fuzz(mutated(words), lambda text: sayings.kind_of_words(text)(text), share=0.1)
