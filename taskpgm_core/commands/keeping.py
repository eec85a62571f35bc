"""Verbs that keep studies: repair, pack, unpack, delete."""

from pathlib import Path

import click

from taskpgm_core import store
from taskpgm_core.commands.output import as_json, print_json, study_argument
from taskpgm_core.commands.studies import card
from taskpgm_core.errors import StoreError


@click.command()
@study_argument
@as_json
def repair(study: str, as_json: bool) -> None:
    """Bring back the damaged files of STUDY, and only those."""
    from taskpgm_core import repair as mending
    from taskpgm_core.commands.watching import Watch

    with Watch() as watch:
        mended = mending.repair(study, progress=watch)
    found = store.open_study(study)
    store.verify(found.folder)
    if as_json:
        print_json({"study": found.slug, "repaired": mended})
        return
    for sentence in mended:
        click.echo(sentence)
    click.echo(f"{found.slug} is whole{'' if mended else '; there was nothing to repair'}.")


@click.command()
@study_argument
@click.option("--out", help="FILE to write (STUDY.tar.gz by default).")
@as_json
def pack(study: str, out: str | None, as_json: bool) -> None:
    """Write STUDY, with its text and evidence, into one file to carry elsewhere."""
    found = store.open_study(study)
    file = store.pack(found, Path(out or f"{found.slug}-{found.digest[:12]}.tar.gz"))
    if as_json:
        print_json({"study": found.slug, "file": str(file), "size": file.stat().st_size})
    else:
        click.echo(f"Packed {found.slug} into {file} ({file.stat().st_size} bytes).")


@click.command()
@click.argument("file")
@as_json
def unpack(file: str, as_json: bool) -> None:
    """Put the study in FILE (written by pack) into the cache, every checksum checked."""
    found = store.unpack(Path(file))
    if as_json:
        print_json(card(found))
    else:
        click.echo(f"Unpacked {found.slug}: {found.folder}")


@click.command()
@study_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def delete(study: str, yes: bool, as_json: bool) -> None:
    """Remove STUDY, its text and its evidence from the cache; finished units stay."""
    found = store.open_study(study)
    if not yes and (as_json or not click.confirm(f"Delete {found.folder}?", err=True)):
        raise StoreError(f"{found.slug} was not deleted; say --yes to delete it unasked.")
    store.delete(found)
    if as_json:
        print_json({"deleted": found.slug, "folder": found.folder})
    else:
        click.echo(f"Deleted {found.folder}.")
