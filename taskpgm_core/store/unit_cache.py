"""Finished units of work, kept under ``cache/.units`` so that nothing is measured twice.

A unit's file is its sha256 (32 bytes) followed by safetensors. Its name is the digest of everything
its value depends on, so a changed input is a miss and never a wrong hit.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.hashing import digest_of

_DIGEST_BYTES = 32


class Units:
    """A content-addressed cache of arrays: ``get`` answers only with bytes that check out.

    ``fresh``: the name of a rebuild, which is answered only with what it measured itself. A
    journal keeps that, so a killed rebuild goes on too, until it is ``done``.
    """

    def __init__(self, root: Path, *, fresh: str = "") -> None:
        self.folder = root / ".units"
        self.damaged: list[str] = []
        self._journal = self.folder / f"rebuild-{fresh}.txt" if fresh else None
        self._own: set[str] = set()
        if self._journal is not None and self._journal.is_file():
            self._own = set(self._journal.read_text().split())

    def path(self, kind: str, key: Mapping[str, Any]) -> Path:
        digest = digest_of({"kind": kind, **key})
        return self.folder / kind / digest[:2] / digest

    def get(self, kind: str, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
        """The unit's arrays, or None where it was never finished or its file is damaged."""
        path = self.path(kind, key)
        if not self._mine(path):
            return None
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(data[_DIGEST_BYTES:]).digest() != data[:_DIGEST_BYTES]:
            self.damaged.append(str(path.relative_to(self.folder)))
            return None
        return load(data[_DIGEST_BYTES:])

    def has(self, kind: str, key: Mapping[str, Any]) -> bool:
        """Whether the unit's file is there, unread."""
        path = self.path(kind, key)
        return path.is_file() and self._mine(path)

    def _mine(self, path: Path) -> bool:
        return self._journal is None or path.name in self._own

    def put(self, kind: str, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        path = self.path(kind, key)
        write_atomic(path, hashlib.sha256(data).digest() + data)
        if self._journal is not None:
            self._own.add(path.name)
            write_atomic(self._journal, "\n".join(sorted(self._own)).encode())

    def done(self) -> None:
        """The rebuild is complete: the next one of this name begins from nothing."""
        if self._journal is not None:
            self._journal.unlink(missing_ok=True)
