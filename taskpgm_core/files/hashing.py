"""Digests, the names of things by their bytes; and seeds made of names."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """sha256 of a JSON-able value in canonical form."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode())


def seed_from(*parts: object) -> int:
    """A seed of 64 bits from words and numbers, the same on every machine: sha256 of "a/b/c"."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def generator_from(*parts: object) -> np.random.Generator:
    """numpy's random generator of the seed made of these words and numbers."""
    return np.random.default_rng(seed_from(*parts))
