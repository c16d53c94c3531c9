"""What a storage can do, and how much of it is tried.

A capability is declared by the class that runs the contract and never guessed: where a storage
cannot do something, the contract asserts what it does instead, so a change is noticed either way.
"""

from __future__ import annotations

import os
from typing import ClassVar, Literal

__all__ = ["Capabilities", "SameName"]

SameName = Literal["alternative", "overwrite", "content-addressed"]

SLOW = os.environ.get("STORAGES_CONTRACT_SLOW", "1") != "0"
HUGE = os.environ.get("STORAGES_CONTRACT_HUGE", "0") != "0"
FULL = os.environ.get("STORAGES_STRESS", "quick") == "full"


class Capabilities:
    """What is declared, with the defaults: what most storages can do."""

    # What the storage promises ------------------------------------------------------------------

    same_name: ClassVar[SameName] = "alternative"
    """What saving a name twice does: the second file gets another name, replaces the first, or
    names follow the content (the same content has one name, different contents never collide)."""

    accepts_any_content: ClassVar[bool] = True
    """False: some contents are refused (with ValueError); then define ``make_content``."""

    minimum_size: ClassVar[int] = 0
    """The size of the smallest content that is accepted."""

    keeps_names: ClassVar[bool] = True
    """False: ``save`` returns another name than it was given though that is free; then define
    ``expected_name``."""

    opens_for_writing: ClassVar[bool] = True
    """Whether ``open()`` knows the modes w, x, a and r+. False: they raise, before any I/O."""

    lists: ClassVar[bool] = True
    """Whether there are directories, which can be listed. False: ``listdir``, ``scandir`` and
    ``walk`` raise NotImplementedError; then define ``all_names`` to ask behind its back."""

    copies: ClassVar[bool] = True
    """Whether ``copy`` and ``move`` work. False: they raise NotImplementedError, because a name
    cannot be chosen."""

    moves_in_one_step: ClassVar[bool] = True
    """Whether ``move`` to a free name renames in one step. False: for a moment the file has both
    names, and what is saved under the old one in that moment is deleted."""

    lists_at_one_moment: ClassVar[bool] = True
    """Whether a listing (of one page) shows what is there at one moment. False: a file that is
    renamed meanwhile may be missing in it, under either name."""

    forgets_deleted: ClassVar[bool] = True
    """Whether a deleted file cannot be read any more. False: it does not exist, but its content
    may be there until it is collected."""

    missing: ClassVar[tuple[type[OSError], ...]] = (FileNotFoundError,)
    """What opening a file that nobody has stored raises; with TimeoutError where the store may
    wait for somebody to store it."""

    extended: ClassVar[bool] = True
    """Whether the storage has this package's additions to Django's API: ``stat``, ``scandir``,
    ``walk``, ``copy``, ``move``, ``delete_many``, ``close``, the async twins, and its errors."""

    case_sensitive: ClassVar[bool] = True
    """Whether names that differ in case only are different files."""

    keeps_unicode_form: ClassVar[bool] = True
    """Whether the NFC and NFD forms of one name are different files."""

    max_component: ClassVar[int | None] = 255
    """How many bytes one component of a name may have; None: no limit of its own."""

    max_name: ClassVar[int | None] = None
    """How many characters a whole name may have; None: no limit worth testing."""

    nests_in_files: ClassVar[bool] = False
    """Whether ``a`` and ``a/b`` can both be files (as in object stores)."""

    real_directories: ClassVar[bool] = False
    """Whether a directory can exist without a file in it."""

    directory_removed_with_last_file: ClassVar[bool] = True
    """Whether deleting the last file in a directory removes the directory."""

    deletes_files_only: ClassVar[bool] = False
    """Whether deleting a directory that has files does nothing, instead of being refused (object
    stores do not know directories, and do not tell what was not there to be deleted)."""

    lists_missing_as_empty: ClassVar[bool] = False
    """Whether a missing directory is listed as empty. False: FileNotFoundError."""

    supports_times: ClassVar[frozenset[str]] = frozenset({"modified", "created"})
    """Which of the times "modified", "created" and "accessed" are known; asking for another
    raises NotImplementedError."""

    clock_tolerance: ClassVar[float] = 2.0
    """By how many seconds the times may differ from this machine's clock."""

    has_paths: ClassVar[bool] = False
    """Whether ``path()`` works: the files lie on a local disk."""

    has_urls: ClassVar[bool] = True
    """Whether the storage gives files URLs when it is configured to (see
    ``make_storage_with_base_url``). False: ``url()`` always raises."""

    keeps_content_type: ClassVar[bool] = False
    """Whether the content type is stored with the file and told by ``stat``."""

    integrity: ClassVar[str | None] = None
    """What guards the bytes of a file ("sha256", "md5", ...); None: nothing does."""

    if_match: ClassVar[bool] = False
    """Whether a write can be made to depend on the version that it replaces."""

    multi_process: ClassVar[bool] = True
    """Whether other processes see the same files."""

    bounded_memory: ClassVar[bool] = True
    """Whether files larger than memory pass through (False for storages in memory and for those
    whose store takes a file in one piece)."""

    client_library: ClassVar[str] = ""
    """The module that the storage needs beyond Django, imported at first use; "" for none."""

    extra: ClassVar[str] = ""
    """The pip extra that installs ``client_library``."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """What must never be shown by repr, errors, logs, deconstruct or URLs: the passwords and keys
    that ``make_storage`` configures."""

    # How much is tried --------------------------------------------------------------------------

    part_size: ClassVar[int] = 64 * 1024
    """The size of the pieces in which the storage moves content; sizes around it are tried."""

    page_size: ClassVar[int] = 1000
    """How many entries the service lists at once; directories of about that size are tried."""

    memory_size: ClassVar[int] = 64 * 1024 * 1024
    """The size of the file that may make a process grow by less than half of it; smaller for
    servers that are slow with such files."""

    slow: ClassVar[bool] = SLOW
    """Whether cases that take seconds run (environment: STORAGES_CONTRACT_SLOW=0 says no)."""

    tree_depth: ClassVar[int] = 60
    """How many directories deep the deepest tree is."""

    huge: ClassVar[bool] = HUGE
    """Whether cases with gigabytes run (environment: STORAGES_CONTRACT_HUGE=1 says yes)."""

    model_examples: ClassVar[int] = 20
    """How many random histories are compared with the model (chapter O)."""

    start_method: ClassVar[str] = "fork" if hasattr(os, "fork") else "spawn"
    """How processes are started. With "spawn" the children need DJANGO_SETTINGS_MODULE."""

    # How much stress there is (environment: STORAGES_STRESS=full says all of it) ---------------

    full: ClassVar[bool] = FULL
    """Whether the stress is the whole of it, which takes hours, or a quick pass."""

    race_rounds: ClassVar[int] = 200 if FULL else 4
    """How many times each race is run, forced and free."""

    leak_operations: ClassVar[int] = 10_000 if FULL else 200
    """How many operations a storage must endure without growing."""

    fuzz_examples: ClassVar[int] = 1000 if FULL else 10
    """How many names are made up for each public method."""
