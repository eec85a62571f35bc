"""Files known by how they begin, whatever they are called: packed by gzip, zstd, bzip2 or xz, and
Parquet."""

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import IO, Any

from taskpgm_core.errors import StoreError

GZIP, ZSTD, BZIP2, XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ"
PARQUET = b"PAR1"
BEGINNINGS = (GZIP, ZSTD, BZIP2, XZ)
ENDINGS = (".gz", ".zst", ".bz2", ".xz")
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
"""What reading a damaged one raises, beside OSError."""


def is_packed(start: bytes) -> bool:
    """Whether a file that begins with ``start`` (at least 6 bytes of it) is packed."""
    return start.startswith(BEGINNINGS)


def unpacking(file: Any, start: bytes) -> IO[bytes]:
    """A stream of what is in a packed ``file``, which begins with ``start``."""
    if start.startswith(GZIP):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if start.startswith(BZIP2):
        return bz2.BZ2File(file)
    if start.startswith(XZ):
        return lzma.LZMAFile(file)
    import pyarrow

    return io.BufferedReader(pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd"))


def plain_name(name: str) -> str:
    """``name`` without the ending that says that it is packed."""
    return name[: -len(Path(name).suffix)] if name.lower().endswith(ENDINGS) else name


def unpacked(data: bytes, name: str, most: int = -1) -> tuple[bytes, str]:
    """What is in ``data`` and what it is called, both as they are where nothing is packed.

    ``most``: at most so many bytes of it. StoreError where it is damaged.
    """
    if not is_packed(data[:6]):
        return data, name
    try:
        with unpacking(io.BytesIO(data), data[:6]) as stream:
            return stream.read(most), plain_name(name)
    except (*DAMAGED, OSError):
        raise StoreError(f"{name} is a damaged packed file; pack it again.") from None
