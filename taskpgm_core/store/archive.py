"""A study as one file, to carry elsewhere; and its end."""

import io
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import IO

from taskpgm_core.errors import StoreError
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.locking import locked
from taskpgm_core.files.packed import DAMAGED
from taskpgm_core.records import Study
from taskpgm_core.store.manifest import GUARD, MANIFEST, read_manifest
from taskpgm_core.store.studies import STUDY_FOLDER, cache_root, folder_name, study_from
from taskpgm_core.store.verify import verify

LARGEST = 1 << 34  # bytes that unpacking may write: 16 GiB


def _names(folder: Path) -> list[str]:
    """All files of a study and its sub-folders, manifests first."""
    names = []
    for manifest in [folder / MANIFEST, *sorted(folder.glob("*/**/" + MANIFEST))]:
        place = manifest.parent
        listed = [MANIFEST, GUARD, *sorted(read_manifest(place)["files"])]
        names += [(place / name).relative_to(folder).as_posix() for name in listed]
    return names


def pack(study: Study, out: Path) -> Path:
    """Write a verified study, text and evidence included, into the tar.gz file ``out``.

    The same study gives the same bytes. Rebuild parts stay where they are.
    """
    folder, place = Path(study.folder), folder_name(study.slug, study.digest)
    verify(folder)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name in _names(folder):
            data = (folder / name).read_bytes()
            member = tarfile.TarInfo(f"{place}/{name}")
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    packed = bytearray(buffer.getvalue())
    packed[4:8] = bytes(4)  # gzip's time stamp
    write_atomic(out, bytes(packed))
    return out


def unpack(file: Path, root: Path | None = None) -> Study:
    """Put the study in ``file`` into the cache, once every checksum fits.

    StoreError for anything but plain files below one study folder, for a study that is there
    already, and for what does not verify.
    """
    root = root or cache_root()
    try:
        handle = file.open("rb")
    except FileNotFoundError:
        raise StoreError(f"There is no file {file}; name one that pack wrote.") from None
    except OSError as error:
        raise StoreError(
            f"{file} cannot be read ({error.strerror}); name a file that pack wrote."
        ) from None
    with handle:
        try:
            return _unpacked(handle, file, root)
        except (tarfile.TarError, *DAMAGED):
            raise StoreError(
                f"{file} cannot be unpacked: it is damaged, or not what pack wrote; pack the study "
                f"again."
            ) from None
        except OSError as error:
            raise StoreError(
                f"The cache {root} cannot be written ({error.strerror}); free space, mend its "
                f"permissions, or point TASKPGM_CACHE at another folder."
            ) from None


def _unpacked(handle: IO[bytes], file: Path, root: Path) -> Study:
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=root) as making:
        place, written = "", 0
        with tarfile.open(fileobj=handle, mode="r:gz") as archive:
            for member in archive:
                place = place or PurePosixPath(member.name).parts[0]
                _check_member(member, place, file)
                written += member.size
                if written > LARGEST:
                    raise StoreError(f"{file} unpacks to more than {LARGEST >> 30} GiB.")
                source = archive.extractfile(member)
                assert source is not None
                target = Path(making) / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
        if not place:
            raise StoreError(f"{file} is empty; pack the study again.")
        made = Path(making) / place
        study = study_from(made)
        if place != folder_name(study.slug, study.digest):
            raise StoreError(f"{file} holds '{study.slug}' under another name, '{place}'.")
        listed = set(_names(made))
        for path in made.rglob("*"):
            if path.is_file() and path.relative_to(made).as_posix() not in listed:
                raise StoreError(f"{file} holds {path.name}, which no manifest lists.")
        verify(made)
        with locked(root, place):
            if (root / place).exists():
                raise StoreError(f"{place} is in the cache already; delete it first.")
            made.rename(root / place)
        return study_from(root / place)


def _check_member(member: tarfile.TarInfo, place: str, file: Path) -> None:
    parts = PurePosixPath(member.name).parts
    plain = member.isreg() and len(parts) > 1 and ".." not in parts and "\\" not in member.name
    if not plain or parts[:1] != (place,) or not STUDY_FOLDER.fullmatch(place):
        raise StoreError(f"{file} holds '{member.name}', which is no plain file of one study.")


def delete(study: Study, root: Path | None = None) -> None:
    """Remove a study of this cache, its text and evidence with it; units stay."""
    root, folder = root or cache_root(), Path(study.folder)
    if folder.resolve().parent != root.resolve():
        raise StoreError(f"{folder} is not in the cache {root}, so it is not deleted.")
    with locked(root, folder.name):
        try:
            old = Path(tempfile.mkdtemp(prefix=f".old-{folder.name}-", dir=root))
            folder.rename(old / "deleted")
            shutil.rmtree(old)
        except OSError as error:
            raise StoreError(f"{folder} cannot be deleted ({error.strerror}).") from None
