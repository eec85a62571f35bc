"""Locks between processes: the operating system ends them with the process that holds them."""

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from taskpgm_core.errors import StoreError

FOLDER = ".locks"


def _owner(handle: int) -> str:
    try:
        owner = json.loads(os.pread(handle, 4096, 0))
        return f"process {owner['pid']} on {owner['host']}, since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"


@contextmanager
def locked(root: Path, name: str, *, wait: bool = False) -> Iterator[None]:
    """Within the block nobody else holds the lock ``name`` of this cache.

    The operating system holds the lock for the process, so one that was killed leaves nothing to
    clear away: the next owner just writes its name over the old one's. StoreError names the owner
    (``wait``: wait for it instead).
    """
    with _opened(root / FOLDER / f"{name}.lock", f"The cache {root}") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise StoreError(
                f"{name} is being built by {_owner(handle)}; wait until it is done, or stop it."
            ) from None
        card = {
            "pid": os.getpid(),
            "host": platform.node(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        # On a full disk the lock holds all the same, only its owner stays unnamed.
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(card).encode(), 0)
        yield


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Within the block nobody else holds the lock file ``path``: waits for it, names no owner."""
    with _opened(path, f"The folder {path.parent}") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether nobody else holds the lock file ``path``, and then nobody can within the block."""
    with _opened(path, f"The folder {path.parent}") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def _opened(path: Path, what: str) -> Iterator[int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(
            f"{what} cannot be written ({error.strerror}); free space, mend its "
            f"permissions, or point TASKPGM_CACHE at another folder."
        ) from None
    try:
        yield handle
    finally:
        os.close(handle)
