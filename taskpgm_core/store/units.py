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

from taskpgm_core.digest import digest_of
from taskpgm_core.store.files import write_atomic

_DIGEST_BYTES = 32


class Units:
    """A content-addressed cache of arrays: ``get`` answers only with bytes that check out.

    ``fresh``: answer only with what was put through this very object (for a rebuild).
    """

    def __init__(self, root: Path, *, fresh: bool = False) -> None:
        self.folder = root / ".units"
        self._own: set[Path] | None = set() if fresh else None
        self.damaged: list[str] = []

    def path(self, kind: str, key: Mapping[str, Any]) -> Path:
        digest = digest_of({"kind": kind, **key})
        return self.folder / kind / digest[:2] / digest

    def get(self, kind: str, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
        """The unit's arrays, or None where it was never finished or its file is damaged."""
        path = self.path(kind, key)
        if self._own is not None and path not in self._own:
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
        return path.is_file() and (self._own is None or path in self._own)

    def put(self, kind: str, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        path = self.path(kind, key)
        if self._own is not None:
            self._own.add(path)
        write_atomic(path, hashlib.sha256(data).digest() + data)
