"""The text of the probe examples: in the study where it may be shared, else brought along."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import StoreError
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.encoding import json_bytes
from taskpgm_core.records import Example, Study
from taskpgm_core.store.manifest import read_checked, read_manifest, write_manifest
from taskpgm_core.store.reader import probe_pool
from taskpgm_core.store.studies import TEXT, own_copy, study_from

CHECKSUM_BYTES = 16


def example_checksums(examples: Sequence[Example]) -> npt.NDArray[np.uint8]:
    """(E, 16) the first half of the sha256 of each example (``Example.value``)."""
    digests = [
        hashlib.sha256(json.dumps(e.value, sort_keys=True).encode()).digest()[:CHECKSUM_BYTES]
        for e in examples
    ]
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(len(digests), CHECKSUM_BYTES)


def text_bytes(examples: Sequence[Example]) -> bytes:
    return json_bytes([e.value for e in examples])


def probe_text(study: Study) -> tuple[Example, ...] | None:
    """The probe examples in probe order; None where the study has no text (``bring_text``)."""
    if not study.has_text:
        return None
    folder = Path(study.folder)
    if TEXT not in read_manifest(folder)["files"]:
        folder /= "text"
    return tuple(map(Example.of_value, json.loads(read_checked(folder, TEXT))))


def bring_text(
    study: Study, examples: Sequence[Example], more: Mapping[str, bytes] | None = None
) -> Study:
    """Keep the text of a study that was committed without it, if it is the very text measured.

    ``more``: further files of text, checked already (``brought_target_text``). All are written into
    the git-ignored sub-folder ``text/`` with a manifest of its own. StoreError names the first
    example whose checksum differs.
    """
    pool = probe_pool(study)
    if len(examples) != len(pool.task):
        raise StoreError(
            f"{study.slug} was measured on {len(pool.task)} examples, but {len(examples)} came."
        )
    differs = (example_checksums(examples) != pool.checksum).any(axis=1)
    if differs.any():
        first = int(differs.argmax())
        raise StoreError(
            f"The text is not what {study.slug} was measured on: row {pool.row[first]} of task "
            f"'{study.names[pool.task[first]]}' differs (and {int(differs.sum()) - 1} more); use "
            f"the release of the data that the study's plan names."
        )
    study = own_copy(study)
    folder = Path(study.folder) / "text"
    for name, data in {TEXT: text_bytes(examples), **(more or {})}.items():
        write_atomic(folder / name, data)
    write_manifest(folder, {"kind": "text", "study": study.digest})
    return study_from(Path(study.folder))
