"""A small PNG writer for heat maps: one byte a cell, colours from a palette."""

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt


def png(cells: npt.NDArray[np.uint8], colours: npt.NDArray[np.uint8]) -> bytes:
    """An image of ``cells`` (rows, columns), indices into ``colours`` (up to 256, 4: RGBA)."""
    rows, columns = cells.shape
    raw = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(cells))

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", colours[:, :3].tobytes())
        + chunk(b"tRNS", colours[:, 3].tobytes())
        + chunk(b"IDAT", zlib.compress(raw, 9))
        + chunk(b"IEND", b"")
    )


def data_uri(image: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(image).decode()
