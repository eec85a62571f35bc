"""Files that appear whole or not at all."""

import os
import tempfile
from pathlib import Path

from taskpgm_core.errors import StoreError

WRITING = ".writing-"  # how the name of a file begins that is not whole yet


def write_atomic(path: Path, data: bytes) -> None:
    """Write all of ``data`` or nothing: a temporary file beside ``path``, synced, then renamed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=WRITING)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except IsADirectoryError:
        raise StoreError(f"{path} cannot be written: it is a folder; name a file.") from None
    except (FileExistsError, NotADirectoryError):
        raise StoreError(
            f"{path} cannot be written: part of its path is a file, not a folder; name another "
            f"place."
        ) from None
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror}); free space or mend the folder's "
            f"permissions, then run the same command again: finished work is kept."
        ) from None
