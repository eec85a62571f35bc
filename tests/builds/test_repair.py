"""A flipped byte anywhere in a study is noticed and repaired; nothing else is touched.

TASKPGM_FLIPS sets how many bytes are flipped (20 by default); ``make endure`` raises it.
"""

import io
import json
import os
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from taskpgm_core import store
from taskpgm_core.cli.main import main
from taskpgm_core.errors import StoreError
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.store.manifest import GUARD, MANIFEST
from taskpgm_core.store.runs import COLUMNS
from tests.support.synthetic_study import READERS, synthetic_arrays, write_study

FLIPS = int(os.environ.get("TASKPGM_FLIPS", "20"))


def flip(path: Path, place: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def with_evidence(study):
    rows = pd.DataFrame({name: [0] for name in COLUMNS})
    rows["arm"], rows["task"] = "uniform", "add-2-digit"
    card = {"arm": {"name": "uniform"}, "definition": "abcdef12", "card": {"protocol": {}}}
    store.keep_run(study, "e" * 64, rows=rows, **card)
    return study


def snapshot(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_random_flips_are_noticed_named_and_repaired(tiny_study, capsys):
    with_evidence(tiny_study)
    folder = Path(tiny_study.folder)
    whole = snapshot(folder)
    dice = random.Random(FLIPS)
    for _ in range(FLIPS):
        name = dice.choice(sorted(whole))
        flip(folder / name, dice.randrange(len(whole[name])), dice.randrange(8))
        guarded = name.replace(GUARD, MANIFEST)
        with pytest.raises(StoreError) as told:
            store.verify(folder)
        assert f"{folder.name}/{guarded}" in str(told.value)
        assert "python -m taskpgm_core repair" in str(told.value)
        if name in READERS:
            with pytest.raises(StoreError, match=f"{name} is damaged"):
                READERS[name](tiny_study)
        elif name.startswith("evidence"):
            with pytest.raises(
                StoreError, match=r"uniform-abcdef12-0\.parquet is damaged|does not match"
            ):
                store.evidence(tiny_study)
        else:
            with pytest.raises(StoreError, match="does not match"):
                store.open_study("tiny")
        code = main(["repair", folder.name])
        _, err = capsys.readouterr()
        if name in READERS or name == GUARD:
            assert code == 0, err
            assert snapshot(folder) == whole
        elif name.endswith(".parquet"):
            assert code == 0, err
            store.verify(folder)
            assert not (folder / name).exists()
        else:  # a manifest itself, or an evidence folder's guard: one sentence says what to do
            assert code == 2
            assert err.count("\n") == 1
        for path, data in whole.items():
            write_atomic(folder / path, data)


def test_a_missing_file_is_computed_again_even_without_its_units(tiny_study, capsys):
    folder = Path(tiny_study.folder)
    whole = snapshot(folder)
    for name in ("pairs.npz", "gold.npz"):
        (folder / name).unlink()
    shutil.rmtree(folder.parent / ".units")
    assert main(["repair", "tiny", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["repaired"]) == 2
    assert snapshot(folder) == whole
    assert main(["repair", "tiny"]) == 0
    assert "nothing to repair" in capsys.readouterr().out


def test_damaged_text_that_was_brought_is_brought_again(cache, capsys):
    study = store.bring_text(write_study(cache, text=None), synthetic_arrays()["text"])
    flip(Path(study.folder) / "text" / "text.json", 5, 0)
    assert main(["verify", "synthetic"]) == 2
    err = capsys.readouterr().err
    assert "text/text.json is damaged" in err
    assert f"python -m taskpgm_core text {Path(study.folder).name} --from DIR" in err
    assert main(["repair", "synthetic"]) == 2
    store.bring_text(study, synthetic_arrays()["text"])
    assert main(["verify", "synthetic"]) == 0


def test_an_imported_study_says_where_it_came_from(cache, tmp_path, capsys):
    (tmp_path / "m.csv").write_text("0,1\n1,0\n")
    assert main(["import", str(tmp_path / "m.csv"), "--kind", "divergence"]) == 0
    flip(next(cache.glob("m-*")) / "matrices.npz", 10, 1)
    assert main(["repair", "m"]) == 2
    assert "m.csv: delete the study, then import that file again" in capsys.readouterr().err


# Places that cannot be written


def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_written(cache, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"cannot be written \(No space left on device\); free"):
        write_study(cache)
    units = store.Units(cache)
    with pytest.raises(StoreError, match="finished work is kept"):
        units.put("score", {"k": 1}, {})
    assert [p for p in cache.rglob("*") if p.is_file()] == []


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 1 MB, where this machine lets us mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_really_full_disk_ends_a_build_in_one_sentence(small_disk, tiny_base, tmp_path, capsys):
    import yaml

    from tests.support.tiny_model import tiny_plan

    (tmp_path / "plan.yaml").write_text(
        yaml.safe_dump(tiny_plan(tiny_base).model_dump(mode="json"))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TASKPGM_CACHE", str(small_disk))
        (small_disk / "filler").write_bytes(bytes((1 << 20) - 40960))
        assert main(["build", str(tmp_path / "plan.yaml")]) == 2
        err = capsys.readouterr().err
        assert "No space left on device" in err
        assert "Traceback" not in err
        kept = {p.name for p in (small_disk / ".units").rglob("*") if p.is_file()}
        assert not [name for name in kept if name.startswith(".writing")]
        assert store.list_studies()[0] == []
        (small_disk / "filler").unlink()
        assert main(["build", str(tmp_path / "plan.yaml")]) == 0
        store.verify(store.open_study("tiny").folder)
        assert kept <= {p.name for p in (small_disk / ".units").rglob("*")}


def test_a_read_only_file_system_is_one_sentence(small_disk, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TASKPGM_CACHE", str(small_disk))
    write_study(small_disk)
    (tmp_path / "m.csv").write_text("0,1\n1,0\n")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for command in (
        ["import", str(tmp_path / "m.csv"), "--kind", "divergence"],
        ["delete", "synthetic", "--yes"],
    ):
        assert main(command) == 2
        err = capsys.readouterr().err
        assert "Read-only file system" in err
        assert err.count("\n") == 1
    assert main(["verify", "synthetic"]) == 0  # reading needs no writing
    assert main(["solve", "synthetic", "--json"]) == 0


def test_a_cache_that_is_no_folder_is_one_sentence(cache, tmp_path, monkeypatch, capsys):
    (tmp_path / "m.csv").write_text("0,1\n1,0\n")
    readonly = tmp_path / "file" / "cache"
    (tmp_path / "file").write_text("a file where the cache should be")
    monkeypatch.setenv("TASKPGM_CACHE", str(readonly))
    assert main(["import", str(tmp_path / "m.csv"), "--kind", "divergence"]) == 2
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "TASKPGM_CACHE" in err


# Carried elsewhere


def test_a_packed_study_arrives_whole_and_packs_to_the_same_bytes(tiny_study, tmp_path, capsys):
    with_evidence(tiny_study)
    whole = snapshot(Path(tiny_study.folder))
    for out in ("a.tar.gz", "b.tar.gz"):
        assert main(["pack", "tiny", "--out", str(tmp_path / out)]) == 0
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    assert main(["unpack", str(tmp_path / "a.tar.gz")]) == 2
    assert "in the cache already" in capsys.readouterr().err
    assert main(["delete", "tiny", "--yes"]) == 0
    assert not Path(tiny_study.folder).exists()
    assert main(["unpack", str(tmp_path / "a.tar.gz")]) == 0
    assert snapshot(Path(tiny_study.folder)) == whole
    assert not list(Path(tiny_study.folder).parent.glob(".unpacking*"))


def packed(path: Path, members: list[tuple[str, bytes]], kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(data), kind, "/etc/passwd"
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    "name",
    ["../../evil", "/etc/evil", "study-0123456789ab/../../evil", "evil", "Bad Name/evil", "a/b"],
)
def test_a_pack_that_points_elsewhere_is_refused(cache, tmp_path, name):
    with pytest.raises(StoreError, match="no plain file of one study"):
        store.unpack(packed(tmp_path / "x.tar.gz", [(name, b"evil")]))
    assert list(tmp_path.rglob("evil*")) == []
    assert [p for p in cache.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_pack_with_links_is_refused(cache, tmp_path, kind):
    file = packed(tmp_path / "x.tar.gz", [("study-0123456789ab/manifest.json", b"")], kind)
    with pytest.raises(StoreError, match="no plain file of one study"):
        store.unpack(file)


def test_a_pack_that_was_changed_is_refused(cache, tmp_path):
    study = write_study(cache)
    name = Path(study.folder).name
    files = snapshot(Path(study.folder))
    store.delete(study)
    forged = [(f"{name}/{n}", d) for n, d in files.items() if n != "gold.npz"]
    for extra, sentence in (
        ([(f"{name}/gold.npz", files["gold.npz"][:-1] + b"x")], r"gold\.npz is damaged"),
        ([], r"gold\.npz is missing"),
        (
            [(f"{name}/gold.npz", files["gold.npz"]), (f"{name}/more.py", b"x")],
            "which no manifest lists",
        ),
    ):
        with pytest.raises(StoreError, match=sentence):
            store.unpack(packed(tmp_path / "x.tar.gz", [*forged, *extra]))
        assert store.list_studies() == ([], [])
    (tmp_path / "y.tar.gz").write_bytes(b"no archive")
    with pytest.raises(StoreError, match="cannot be unpacked"):
        store.unpack(tmp_path / "y.tar.gz")


def test_only_studies_of_the_cache_are_deleted(cache, tmp_path, capsys):
    study = write_study(tmp_path / "elsewhere")
    assert main(["delete", study.folder, "--yes"]) == 2
    assert "not in the cache" in capsys.readouterr().err
    assert Path(study.folder).exists()
    write_study(cache)
    assert main(["delete", "synthetic", "--json"]) == 2
    assert store.open_study("synthetic")
