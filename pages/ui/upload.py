"""Dropped files made a study: tasks by words alone, or a matrix; and such studies deleted again."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import streamlit as st

from pages.ui.chart import escape, heading
from taskpgm_core import store
from taskpgm_core.builds.sketch import sketch
from taskpgm_core.errors import StoreError, TaskPGMError
from taskpgm_core.figures.numbers import count, counted
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.sketch import open_finding
from taskpgm_core.plans.slug import slug_of
from taskpgm_core.records import Study
from taskpgm_core.store import import_matrix

PREFIX = "upload-"
OFF = "TASKPGM_UPLOADS"
MEGABYTES, TASKS = 50, 2000
WORDS = "Tasks, a file of rows each"
KINDS = {
    WORDS: "",
    "Your matrix of similarities": "similarity",
    "Your matrix of divergences": "divergence",
}
ENDINGS = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet", "npy", "npz"]
SAID = "upload-said"


class Dropped(Protocol):
    """A file that was dropped: what a browser says of it, and its bytes."""

    name: str
    size: int

    def getvalue(self) -> bytes: ...


def upload(studies: Mapping[str, Study]) -> None:
    """A place to drop files, and the studies made there; nothing where TASKPGM_UPLOADS is 0."""
    if os.environ.get(OFF) == "0":
        return
    st.header("Bring your own", divider="gray")
    heading(
        "Drop files of rows, one a task, or one matrix",
        f"At most {MEGABYTES} MB and {count(TASKS)} tasks. Everyone who can open this server sees "
        "and may delete the study; the files themselves are not kept.",
    )
    with st.form("upload", border=False, clear_on_submit=True):
        files = st.file_uploader(
            "Files",
            type=ENDINGS,
            accept_multiple_files=True,
            max_upload_size=MEGABYTES,
            help="JSON Lines, JSON, CSV, TSV or Parquet with pairs or chats; a matrix may also be "
            "NPY or NPZ.",
        )
        kind = st.radio("They hold", list(KINDS), horizontal=True, help=GLOSSARY["your matrix"])
        name = st.text_input("Name", max_chars=40, help="The study is called upload- and this.")
        wanted = st.form_submit_button("Make a study", icon=":material/upload_file:")
    if wanted:
        _make(files or [], KINDS[kind], name)
    if said := st.session_state.pop(SAID, ()):
        st.success("  \n".join(map(escape, said)))
    _delete([s for s in studies.values() if s.slug.startswith(PREFIX)])


def _make(files: Sequence[Dropped], kind: str, name: str) -> None:
    try:
        with st.spinner("Reading and comparing"):
            said = study_of(files, kind, name)
    except TaskPGMError as error:
        for line in str(error).splitlines():
            st.error(escape(line.strip()))
        return
    st.session_state[SAID] = said
    st.rerun()


def study_of(files: Sequence[Dropped], kind: str, name: str) -> list[str]:
    """Make the study of dropped files, and say so; ``kind``: of a matrix, empty for tasks."""
    if not files:
        raise StoreError("Choose a file first.")
    size = sum(file.size for file in files)
    if size > MEGABYTES * 10**6:
        raise StoreError(
            f"The files are {size / 10**6:.0f} MB together, but at most {MEGABYTES} are taken "
            f"here; use the command line: taskpgm sketch FILES."
        )
    if kind and len(files) > 1:
        raise StoreError(f"A matrix is one file, but {len(files)} were dropped; drop one.")
    if len(files) > TASKS:
        raise StoreError(
            f"At most {count(TASKS)} tasks are taken here, but {count(len(files))} files were "
            f"dropped; use the command line: taskpgm sketch FILES."
        )
    slug = slug_of(name or Path(files[0].name).stem, 48 - len(PREFIX) - 4)
    with TemporaryDirectory(prefix="taskpgm-") as folder:
        places = _written(files, Path(folder))
        if kind:
            try:
                study = import_matrix(Path(folder) / places[0], kind=kind, name=f"{PREFIX}{slug}")
            except TaskPGMError as error:  # nobody is told where the file lay
                raise StoreError(str(error).replace(f"{folder}/", "")) from None
            if len(study.tasks) > TASKS:
                store.delete(study)
                raise StoreError(
                    f"At most {count(TASKS)} tasks are taken here, but the matrix has "
                    f"{count(len(study.tasks))}; use the command line: taskpgm import FILE."
                )
            return [f"{study.slug} is there now, with {counted(len(study.tasks), 'task')}."]
        made = sketch(places, inside=Path(folder), prefix=PREFIX, called=slug)
    return [*made.said[:4], f"{made.study.slug} is there now.", open_finding(made.study.slug)]


def _written(files: Sequence[Dropped], folder: Path) -> list[str]:
    """The files in ``folder`` under their own names; StoreError where two have one."""
    names = [Path(file.name.replace("\\", "/")).name for file in files]
    for name, file in zip(names, files, strict=True):
        place = folder / name
        if not name or place.exists():
            raise StoreError(f"Two files are called '{name}'; rename one, since tasks need names.")
        place.write_bytes(file.getvalue())
    return names


def _delete(studies: Sequence[Study]) -> None:
    """Delete a study that was made here."""
    if not studies:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Studies made here", [s.slug for s in studies], help="Those that begin with upload-."
        )
        with st.popover("Delete"):
            st.write("It goes for everyone on this server, with its runs.")
            if st.button("Delete it", key="delete-upload"):
                study = next(s for s in studies if s.slug == chosen)
                try:
                    store.delete(study)
                except TaskPGMError as error:
                    st.error(escape(str(error)))
                else:
                    st.session_state[SAID] = [f"{study.slug} is deleted."]
                    st.rerun()
