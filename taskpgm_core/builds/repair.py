"""Bring back the damaged files of a study, and only those, from units and sources."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from taskpgm_core.builds.pipeline import measured, prepare, study_files
from taskpgm_core.builds.text_study import Texts, texts_of
from taskpgm_core.errors import StoreError
from taskpgm_core.plans.plan import plan_of
from taskpgm_core.store import (
    Damage,
    cache_root,
    damages,
    drop_run,
    find_folder,
    folder_name,
    is_bundled,
    locked,
    mend_guard,
    open_study,
    put_back,
    verify,
)

if TYPE_CHECKING:
    from taskpgm_core.measure import Progress


def repair(name: str, *, progress: "Progress", root: Path | None = None) -> list[str]:
    """Mend the study called ``name``; one sentence for each thing mended, none if it is whole.

    A damaged file of a measured study is computed again from finished units (whatever unit is
    absent is measured again) and put back only if it has the very bytes of the first time. A
    damaged training run is taken off the list, to be run again. StoreError says what cannot be
    mended here, and how to bring it back.
    """
    root = root or cache_root()
    folder = find_folder(name, root)
    if is_bundled(folder):
        verify(folder)
        return []
    mended = []
    if mend_guard(folder):
        mended.append(f"{folder.name}/manifest.sha256 was written anew.")
    own: list[Damage] = []
    for damage in damages(folder):
        if damage.folder == folder:
            own.append(damage)
        elif damage.folder.parent.name == "evidence":
            drop_run(damage.folder, damage.name)
            mended.append(f"The run {damage.name} was dropped; run validate again to repeat it.")
        else:
            raise StoreError(str(damage))
    if own:
        mended += _again(folder, own, root, progress)
    return mended


def _again(folder: Path, own: list[Damage], root: Path, progress: "Progress") -> list[str]:
    study = open_study(str(folder), root)
    if derived := study.facts.get("derived"):
        old = folder_name(derived["study"], derived["from"])
        lean = ["--lean"] if "likely tokens" in study.absent else []
        again = shlex.join(["remove-task", old, *derived["removed"], "--slug", study.slug, *lean])
        raise StoreError(
            f"{study.slug}/{own[0].name} is {own[0].what}; make the study again from the one it "
            f"came from: python -m taskpgm_core {again}"
        )
    if study.plan is None:
        raise StoreError(
            f"{study.slug}/{own[0].name} is {own[0].what}; {study.slug} came from the file "
            f"{study.facts.get('file')}: delete the study, then import that file again."
        )
    by_words = study.kind == "text"
    prepared = texts_of(plan_of(study)) if by_words else prepare(plan_of(study), root)
    if prepared.digest != study.digest:
        base = "" if by_words else ", its base model"
        raise StoreError(
            f"{study.slug} cannot be repaired here: its examples{base} or this version's "
            f"measuring code are not those it was measured with; restore it from version control."
        )
    with locked(root, prepared.folder):
        files = (
            prepared.files()
            if isinstance(prepared, Texts)
            else study_files(*measured(prepared, root, progress)[:2])
        )
        for damage in own:
            if damage.name not in files or not put_back(folder, damage.name, files[damage.name]):
                raise StoreError(
                    f"{study.slug}/{damage.name} came out otherwise on this machine; restore it "
                    f"from version control, or measure all anew with build --rebuild."
                )
    return [f"{study.slug}/{damage.name} was computed again." for damage in own]
