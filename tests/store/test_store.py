"""The store: what is written is what is read, and no changed byte goes unnoticed."""

import json
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.analysis.drill_down import drill_down, positions
from taskpgm_core.errors import NotKeptError, StoreError
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.hashing import sha256
from taskpgm_core.records import Example
from taskpgm_core.store.manifest import GUARD, MANIFEST, read_manifest
from tests.support.synthetic_study import READERS, TASKS, older, synthetic_arrays, write_study

COMMITTED = Path(__file__).parents[2] / "cache"
OTHER = "fedcba987654" + "0" * 52


def flip(path: Path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def forge(folder: Path, **changes) -> None:
    """Change a manifest and its guard, as only somebody who means to could."""
    manifest = {**json.loads((folder / MANIFEST).read_bytes()), **changes}
    data = json.dumps(manifest).encode()
    (folder / MANIFEST).write_bytes(data)
    (folder / GUARD).write_text(sha256(data))


# Round trips


def test_everything_written_is_read_back(cache):
    given_ = synthetic_arrays()
    study = write_study(cache)
    S = store.similarity(study)
    np.testing.assert_array_equal(S.matrix, -given_["matrices"]["jsd"])
    np.testing.assert_array_equal(S.divergence, given_["matrices"]["jsd"])
    assert (S.tasks, S.measure) == (TASKS, "jsd")
    for measure in ("pmi", "pmi-token"):
        np.testing.assert_array_equal(
            store.similarity(study, measure).matrix, given_["matrices"][measure]
        )
    np.testing.assert_array_equal(store.base_divergence(study), given_["matrices"]["base"])
    assert store.noise(study).tasks == ("dates",)
    assert store.noise(study).floor == 0.003
    losses = store.losses(study)
    np.testing.assert_array_equal(losses.per_sequence, given_["per_sequence"])
    np.testing.assert_array_equal(losses.per_token, given_["per_token"])
    np.testing.assert_array_equal(
        losses.beats_base, [given_["per_token"][k, k] < given_["per_token"][3, k] for k in range(3)]
    )
    pool = store.probe_pool(study)
    for name, array in given_["pool"].items():
        np.testing.assert_array_equal(getattr(pool, name), array)
    np.testing.assert_array_equal(
        store.gold_log_probabilities(study), given_["gold"].astype(np.float32)
    )
    likely = store.likely_tokens(study)
    np.testing.assert_array_equal(likely.ids, given_["top_ids"])
    assert likely.log_probability.dtype == np.float16
    assert likely.strings == given_["vocabulary"]
    pairs = store.pair_divergences(study)
    assert pairs.divergence.dtype == np.float16
    np.testing.assert_array_equal(pairs.of(2, 0), given_["per_example"][1].astype(np.float16))
    np.testing.assert_array_equal(
        store.replicate_divergences(study), given_["by_task"].astype(np.float16)
    )
    second = store.second_gold(study)
    np.testing.assert_array_equal(second.tasks, [1])
    np.testing.assert_array_equal(second.log_probability, given_["second_gold"].astype(np.float32))
    assert store.token_divergences(study).dtype == np.float16
    pd.testing.assert_frame_equal(store.training_curves(study), given_["curves"])
    assert store.probe_text(study) == tuple(given_["text"])
    assert study.names == TASKS
    np.testing.assert_array_equal(study.rows, [100, 101, 102])
    assert study.absent == ()


def test_arrays_cannot_be_written_to(cache):
    study = write_study(cache)
    with pytest.raises(ValueError, match="read-only"):
        store.similarity(study).matrix[0, 1] = 1
    with pytest.raises(ValueError, match="read-only"):
        store.pair_divergences(study).divergence[0, 0] = 1


@given(n=st.integers(2, 40), data=st.data())
def test_the_row_of_a_pair(n, data):
    i = data.draw(st.integers(0, n - 2))
    j = data.draw(st.integers(i + 1, n - 1))
    pairs = list(zip(*np.triu_indices(n, 1), strict=True))
    assert store.reader.pair_index(n, i, j) == store.reader.pair_index(n, j, i)
    assert store.reader.pair_index(n, i, j) == pairs.index((i, j))


def test_large_studies_leave_the_pair_arrays_out(cache):
    tasks = tuple(f"t{k}" for k in range(65))
    study = write_study(cache, tasks=tasks)
    assert store.similarity(study).n == 65
    with pytest.raises(NotKeptError, match=r"has 65 tasks; .* every example are held up to 64"):
        store.pair_divergences(study)
    with pytest.raises(NotKeptError, match=r"on every example are held up to 64"):
        store.replicate_divergences(study)
    with pytest.raises(NotKeptError, match=r"has 65 tasks; .* every token are held up to 32"):
        store.token_divergences(study)


def test_tokens_of_pairs_are_left_out_before_examples_are(cache):
    study = write_study(cache, tasks=tuple(f"t{k}" for k in range(33)))
    assert store.pair_divergences(study).divergence.shape == (528, 66)
    with pytest.raises(NotKeptError, match="has 33 tasks"):
        store.token_divergences(study)
    found = drill_down(study, "jsd", 0, 1)
    assert found.token is None
    assert [p.value for p in positions(study, found, 0)] == [None, None]
    less = store.without(study, ["t0", "t1", "t2"], slug="less", plan=None)
    with pytest.raises(NotKeptError, match=r"holds no tokens\.npz"):
        store.token_divergences(less)
    assert drill_down(less, "jsd", 0, 1).token is None


def test_what_versions_before_kept_is_read_as_it_was(cache):
    arrays = older(synthetic_arrays())
    study = write_study(cache, **arrays)
    pairs = store.pair_divergences(study)
    assert pairs.divergence.dtype == np.float32
    np.testing.assert_array_equal(pairs.divergence, arrays["per_example"])
    assert store.replicate_divergences(study) is None
    assert store.second_gold(study).log_probability.shape == (0, arrays["gold"].shape[1])
    assert store.noise(study).tasks == ("dates",)
    assert store.noise(study, "gold").tasks == store.noise(study, "pmi").tasks == ()
    committed = store.open_study("starter", COMMITTED)
    assert store.token_divergences(committed).dtype == np.float16


def test_the_same_arrays_give_the_same_bytes(cache, tmp_path):
    first, second = write_study(cache), write_study(tmp_path / "elsewhere")
    assert first.content == second.content
    assert write_study(tmp_path / "third", seed=1).content != first.content


# Damage


def test_every_flipped_byte_is_noticed_by_verify_and_by_the_reader(cache):
    study = write_study(cache)
    listed = set(read_manifest(Path(study.folder))["files"])
    assert listed == set(READERS)
    assert store.verify(study.folder).files == len(READERS)
    for name, reader in READERS.items():
        path = Path(study.folder) / name
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, -1):
            flip(path, place)
            with pytest.raises(StoreError, match=f"{name} is damaged") as of_verify:
                store.verify(study.folder)
            assert "python -m taskpgm_core" in str(of_verify.value)
            with pytest.raises(StoreError, match=f"{name} is damaged"):
                reader(study)
            path.write_bytes(whole)
        path.unlink()
        with pytest.raises(StoreError, match=f"{name} is missing"):
            store.verify(study.folder)
        with pytest.raises(StoreError, match=f"{name}"):
            reader(study)
        path.write_bytes(whole)
    store.verify(study.folder)


@pytest.mark.parametrize("name", [MANIFEST, GUARD])
def test_a_flipped_byte_of_the_manifest_or_its_guard_is_noticed(cache, name):
    study = write_study(cache)
    flip(Path(study.folder) / name, 10)
    for act in (lambda: store.verify(study.folder), lambda: store.open_study("synthetic")):
        with pytest.raises(StoreError, match=r"does not match manifest\.sha256"):
            act()
    healthy, broken = store.list_studies()
    assert not healthy
    assert broken[0][0] == Path(study.folder).name


def test_a_missing_guard_is_noticed(cache):
    study = write_study(cache)
    (Path(study.folder) / GUARD).unlink()
    with pytest.raises(StoreError, match="does not match"):
        store.open_study("synthetic")


@pytest.mark.parametrize("name", ["../../secret.json", "/etc/passwd", "a/../../b"])
def test_a_manifest_that_points_out_of_its_study_is_refused(cache, name):
    study = write_study(cache)
    files = read_manifest(Path(study.folder))["files"]
    forge(Path(study.folder), files={**files, name: files["matrices.npz"]})
    for act in (
        lambda: store.verify(study.folder),
        lambda: store.similarity(study),
        lambda: store.open_study("synthetic"),
    ):
        with pytest.raises(StoreError, match="outside the study"):
            act()


def test_another_schema_and_a_contradiction_are_refused(cache):
    study = write_study(cache)
    forge(Path(study.folder), content="0" * 64)
    with pytest.raises(StoreError, match="contradicts itself"):
        store.verify(study.folder)
    forge(Path(study.folder), schema=99)
    with pytest.raises(StoreError, match="has schema 99"):
        store.open_study("synthetic")


def test_verify_names_absent_optional_parts_and_walks_sub_folders(cache):
    study = write_study(cache, text=None)
    assert study.absent == ("text",)
    assert store.verify(study.folder).absent == ("text",)
    study = store.bring_text(study, synthetic_arrays()["text"])
    whole = store.verify(study.folder)
    assert (whole.absent, whole.files) == ((), len(READERS))
    flip(Path(study.folder) / "text" / "text.json")
    with pytest.raises(StoreError, match=r"text/text\.json is damaged"):
        store.verify(study.folder)


def test_what_may_not_be_read_is_told_and_hides_no_other_study(cache, monkeypatch):
    closed, other = write_study(cache), write_study(cache, slug="other")
    (Path(closed.folder) / "gold.npz").unlink()
    (Path(closed.folder) / "gold.npz").mkdir()
    with pytest.raises(StoreError, match=r"gold\.npz cannot be read: Is a directory"):
        store.gold_log_probabilities(closed)
    (Path(closed.folder) / "manifest.sha256").unlink()
    (Path(closed.folder) / "manifest.sha256").symlink_to("x" * 300)
    healthy, broken = store.list_studies()
    assert [study.slug for study in healthy] == [other.slug]
    assert broken[0][1] == f"{closed.folder} cannot be read: File name too long."


# Which study


def test_open_by_slug_digest_prefix_and_folder(cache, monkeypatch):
    study = write_study(cache)
    for name in (
        "synthetic",
        "0123",
        "0123456789AB",
        study.digest,
        Path(study.folder).name,
        study.folder,
    ):
        assert store.open_study(name).content == study.content
    monkeypatch.chdir(cache)
    assert Path(store.open_study(f"./{Path(study.folder).name}").folder).is_absolute()


def test_an_exact_slug_goes_before_a_digest_prefix(cache):
    write_study(cache)
    named = write_study(cache, slug="0123", digest=OTHER)
    assert store.open_study("0123").digest == named.digest


@pytest.mark.parametrize("name", ["synthetic", "0"])
def test_an_ambiguous_name_lists_the_candidates(cache, name):
    a = write_study(cache)
    b = write_study(cache, digest="0f" + OTHER[2:])
    with pytest.raises(StoreError, match="names several studies") as raised:
        store.open_study(name)
    assert Path(a.folder).name in str(raised.value)
    assert Path(b.folder).name in str(raised.value)
    assert store.open_study(Path(b.folder).name).digest == b.digest


def test_a_missing_study_names_the_nearest(cache):
    with pytest.raises(StoreError, match="the cache is empty"):
        store.open_study("synthetic")
    study = write_study(cache)
    with pytest.raises(StoreError, match=r"did you mean 'synthetic'\?.*there are: synthetic"):
        store.open_study("sintetic")
    with pytest.raises(StoreError, match="There is no study ''"):
        store.open_study("")
    with pytest.raises(StoreError, match="There is no study"):
        store.open_study(study.folder, folders=False)
    with pytest.raises(StoreError, match="There is no study"):
        store.open_study("x" * 5000)


def test_a_copied_folder_of_another_name_verifies(cache, tmp_path):
    study = write_study(cache)
    copy = tmp_path / "elsewhere" / "any name"
    shutil.copytree(study.folder, copy)
    assert store.verify(copy).files == len(READERS)
    opened = store.open_study(str(copy))
    assert (opened.slug, opened.content) == (study.slug, study.content)
    np.testing.assert_array_equal(store.similarity(opened).matrix, store.similarity(study).matrix)


def test_an_unfinished_folder_is_no_study(cache):
    study = write_study(cache)
    (Path(study.folder) / MANIFEST).unlink()
    with pytest.raises(StoreError, match="no finished study"):
        store.open_study("synthetic")


# Writing


def test_a_place_that_cannot_be_written_is_told_for_what_it_is(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(StoreError, match="it is a folder; name a file"):
        write_atomic(tmp_path, b"new")
    for place in ("file/new", "file/deep/new"):
        with pytest.raises(StoreError, match="part of its path is a file"):
            write_atomic(tmp_path / place, b"new")


def test_what_cannot_be_unpacked_is_told_for_what_it_is(cache, tmp_path):
    packed = store.pack(write_study(cache), tmp_path / "s.tar.gz")
    with pytest.raises(
        StoreError, match=r"cannot be read \(Is a directory\); name a file that pack"
    ):
        store.unpack(tmp_path, tmp_path / "other")
    with pytest.raises(StoreError, match=r"The cache .*s\.tar\.gz cannot be written \(File exists"):
        store.unpack(packed, packed)
    whole, damaged = packed.read_bytes(), tmp_path / "damaged.tar.gz"
    for place in range(0, len(whole), len(whole) // 40):
        flipped = bytearray(whole)
        flipped[place] ^= 255
        for data in (whole[:place], bytes(flipped)):
            damaged.write_bytes(data)
            with suppress(StoreError):  # a byte of gzip's header may change nothing
                store.unpack(damaged, tmp_path / str(place))
    damaged.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="it is damaged, or not what pack wrote; pack the study"):
        store.unpack(damaged, tmp_path / "other")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match=r"No space left on device.*finished work is kept"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_study_that_cannot_be_finished_is_not_there(cache, monkeypatch):
    def fail(*arguments):
        raise StoreError("stopped")

    monkeypatch.setattr("taskpgm_core.store.writer.write_manifest", fail)
    with pytest.raises(StoreError, match="stopped"):
        write_study(cache)
    assert not list(cache.iterdir())


def test_a_study_is_replaced_whole_and_keeps_what_came_later(cache):
    study = write_study(cache, text=None)
    study = store.bring_text(study, synthetic_arrays()["text"])
    again = write_study(cache, text=None, seed=1)
    assert again.content != study.content
    assert [p.name for p in cache.iterdir()] == [Path(study.folder).name]
    assert again.has_text
    assert store.verify(again.folder).absent == ()


def test_a_cache_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be written: Not a directory"):
        write_study(tmp_path / "file" / "cache")


# Text


def test_only_the_text_that_was_measured_is_taken(cache):
    text = synthetic_arrays()["text"]
    study = write_study(cache, text=None)
    assert store.probe_text(study) is None
    wrong = [*text[:3], Example(text[3].prompt, "another"), *text[4:]]
    with pytest.raises(StoreError, match=r"row 15 of task 'dates' differs \(and 0 more\)"):
        store.bring_text(study, wrong)
    with pytest.raises(StoreError, match="measured on 6 examples, but 5 came"):
        store.bring_text(study, text[:5])
    assert not (Path(study.folder) / "text").exists()
    study = store.bring_text(study, text)
    assert study.has_text
    assert store.probe_text(study) == tuple(text)
    assert store.probe_text(store.open_study("synthetic")) == tuple(text)


# Units


def test_units_answer_only_with_what_was_put(cache):
    units = store.Units(cache)
    key = {"model": "a", "batch": [1, 2]}
    assert units.get("score", key) is None
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "y": np.array([1.5])}
    units.put("score", key, arrays)
    found = units.get("score", key)
    assert found is not None
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert units.get("train", key) is None
    assert units.get("score", {**key, "model": "b"}) is None
    assert units.get("score", {**key, "batch": [2, 1]}) is None
    assert store.Units(cache).get("score", key) is not None


def test_a_damaged_unit_is_a_miss_and_is_named(cache):
    units = store.Units(cache)
    units.put("score", {"k": 1}, {"x": np.arange(100.0)})
    path = units.path("score", {"k": 1})
    whole = path.read_bytes()
    for place in (0, 40, len(whole) // 2, -1):
        path.write_bytes(whole)
        flip(path, place)
        assert units.get("score", {"k": 1}) is None
    for length in (0, 16, 32, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert units.get("score", {"k": 1}) is None
    assert set(units.damaged) == {str(path.relative_to(units.folder))}
    units.put("score", {"k": 1}, {"x": np.arange(100.0)})
    assert path.read_bytes() == whole


def test_fresh_units_answer_only_with_their_own(cache):
    store.Units(cache).put("train", {"k": 1}, {"x": np.zeros(1)})
    fresh = store.Units(cache, fresh="name")
    assert fresh.get("train", {"k": 1}) is None
    fresh.put("train", {"k": 1}, {"x": np.ones(1)})
    found = fresh.get("train", {"k": 1})
    assert found is not None
    assert found["x"] == 1
    again = store.Units(cache, fresh="name")  # the same rebuild, after it was killed
    assert again.get("train", {"k": 1}) is not None
    assert store.Units(cache, fresh="another").get("train", {"k": 1}) is None
    again.done()
    assert store.Units(cache, fresh="name").get("train", {"k": 1}) is None


# A matrix somebody already has

names = st.lists(
    st.text(st.characters(codec="utf-8", categories=("L", "Nd", "P", "Zs")), min_size=1)
    .map(str.strip)
    .filter(lambda s: s and not _numeric(s)),
    min_size=2,
    max_size=6,
    unique=True,
)


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def square(n: int, seed: int, *, divergence: bool = False) -> np.ndarray:
    A = np.random.default_rng(seed).normal(size=(n, n))
    S = A + A.T
    return np.abs(S) * (1 - np.eye(n)) if divergence else S


def save(path: Path, matrix: np.ndarray, ids: list[str] | None, header: bool, index: bool) -> None:
    frame = pd.DataFrame(matrix, index=ids, columns=ids)
    if path.suffix in (".csv", ".tsv"):
        separator = "," if path.suffix == ".csv" else "\t"
        frame.to_csv(path, header=header, index=index, sep=separator, float_format="%.17g")
    elif path.suffix == ".npy":
        np.save(path, matrix)
    elif path.suffix == ".json":
        value = {"tasks": ids, "matrix": matrix.tolist()} if header else matrix.tolist()
        path.write_text(json.dumps(value))
    else:
        frame.set_axis(ids or [f"T{i + 1}" for i in range(len(matrix))], axis=1).to_parquet(
            path, index=False
        )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ids=names,
    seed=st.integers(0, 2**31),
    suffix=st.sampled_from([".csv", ".tsv", ".npy", ".json", ".parquet"]),
    header=st.booleans(),
    index=st.booleans(),
    divergence=st.booleans(),
    described=st.booleans(),
)
def test_import_keeps_every_number_and_name(
    tmp_path, ids, seed, suffix, header, index, divergence, described
):
    n = len(ids)
    matrix = square(n, seed, divergence=divergence)
    path, tasks = tmp_path / f"matrix{suffix}", tmp_path / "tasks.csv"
    save(path, matrix, ids, header, index)
    frame = pd.DataFrame(
        {"task": ids, "rows": range(5, 5 + n), "family": "f", "mean_tokens": np.arange(1, n + 1.0)}
    )
    frame.to_csv(tasks, index=False)
    kind = "divergence" if divergence else "similarity"
    study = store.import_matrix(
        path,
        kind=kind,
        keep_kind=True,
        tasks=tasks if described else None,
        root=tmp_path / "cache",
    )
    named = suffix == ".parquet" or (
        (suffix in (".csv", ".tsv") and (header or index)) or (suffix == ".json" and header)
    )
    expected = tuple(ids) if described or named else tuple(f"T{i + 1}" for i in range(n))
    S = store.similarity(study)
    assert S.tasks == expected
    assert S.measure == "given"
    np.testing.assert_array_equal(S.matrix, -matrix if divergence else matrix)
    if described:
        np.testing.assert_array_equal(study.rows, frame["rows"])
        assert [t.mean_tokens for t in study.tasks] == list(frame["mean_tokens"])
        assert {t.family for t in study.tasks} == {"f"}
    else:
        assert study.rows is None
    assert bool(study.facts["warnings"]) == (divergence and matrix.max() > np.log(2))
    store.verify(study.folder)


def test_import_matches_described_tasks_by_name(cache, tmp_path):
    matrix = square(3, 1)
    save(tmp_path / "m.csv", matrix, ["a", "b", "c"], True, True)
    (tmp_path / "t.csv").write_text("task,rows\nc,30\na,10\nb,20\n")
    study = store.import_matrix(tmp_path / "m.csv", kind="similarity", tasks=tmp_path / "t.csv")
    assert study.names == ("a", "b", "c")
    np.testing.assert_array_equal(study.rows, [10, 20, 30])
    np.testing.assert_array_equal(store.similarity(study).matrix, matrix)


def test_the_same_matrix_again_is_the_same_study_and_another_is_another(cache, tmp_path):
    path = tmp_path / "m.npy"
    np.save(path, square(3, 1))
    first = store.import_matrix(path, kind="similarity")
    assert store.import_matrix(path, kind="similarity").digest == first.digest
    np.save(path, square(3, 2))
    assert store.import_matrix(path, kind="similarity").digest != first.digest
    assert len(store.list_studies()[0]) == 2


def test_tasks_may_be_called_by_numbers(cache, tmp_path):
    frame = pd.DataFrame(square(3, 5), index=[101, 102, 103], columns=[101, 102, 103])
    frame.to_csv(tmp_path / "m.csv")
    study = store.import_matrix(tmp_path / "m.csv", kind="similarity")
    assert study.names == ("101", "102", "103")
    np.testing.assert_allclose(store.similarity(study).matrix, frame.to_numpy(), rtol=1e-12)


def test_complex_numbers_are_no_matrix(cache, tmp_path):
    np.save(tmp_path / "m.npy", square(3, 1) + 1j)
    with pytest.raises(StoreError, match="its numbers are complex"):
        store.import_matrix(tmp_path / "m.npy", kind="similarity")


GOOD = "4,1,2\n1,4,3\n2,3,4\n"
BAD_MATRICES = {
    "empty": ("m.csv", "", "is empty"),
    "one task": ("m.csv", "1\n", "holds 1 task"),
    "one named task": ("m.csv", "a\n1\n", "holds 1 task"),
    "not square": ("m.csv", "0,1\n1,0\n2,2\n", "must be square"),
    "ragged": ("m.csv", "0,1,2\n1,0\n2,3,0\n", "row 2 has 2 numbers"),
    "a word": ("m.csv", "0,1,2\n1,0,x\n2,3,0\n", "row 2, column 3 is 'x'"),
    "a hole in the corner": ("m.csv", ",.1,.2\n.1,0,.3\n.2,.3,0\n", "row 1, column 1 is ''"),
    "a hole": ("m.csv", "0,1,2\n1,0,\n2,3,0\n", "row 2, column 3 is ''"),
    "nan": ("m.csv", "0,nan,2\nnan,0,3\n2,3,0\n", "'T1' and 'T2' is not a finite number"),
    "infinite": ("m.json", '{"matrix": [[0, Infinity], [Infinity, 0]]}', "not a finite number"),
    "asymmetric": ("m.csv", "0,1\n2,0\n", "not symmetric: 'T1' and 'T2' have 1 .* and 2"),
    "names differ": ("m.csv", ",a,b\na,0,1\nc,1,0\n", "first row and first column differ"),
    "names twice": ("m.csv", "a,a\n0,1\n1,0\n", "'a' stands more than once"),
    "nameless task": ("m.csv", ",a,\na,0,1\n,1,0\n", "no name"),
    "too few names": ("m.json", '{"tasks": ["a"], "matrix": [[0, 1], [1, 0]]}', "names 1 task"),
    "names not a list": ("m.json", '{"tasks": 5, "matrix": [[0, 1], [1, 0]]}', "list of names"),
    "names not text": ("m.json", '{"tasks": [[1], 2], "matrix": [[0, 1], [1, 0]]}', "of names"),
    "ragged json": ("m.json", "[[0, 1], [1]]", "cannot be read as a matrix"),
    "no matrix": ("m.json", '{"tasks": ["a", "b"]}', "cannot be read as a matrix"),
    "broken json": ("m.json", "[[0, 1], [1", "cannot be read as a matrix"),
    "a number": ("m.json", "3", "must be square, but it is a single number"),
    "no npy": ("m.npy", "hello there", "cannot be read as a matrix"),
    "empty npy": ("m.npy", "", "cannot be read as a matrix"),
    "zip as npy": ("m.npy", "PK\x03\x04" + "x" * 60, "cannot be read as a matrix"),
    "no parquet": ("m.parquet", "hello there", "cannot be read as a matrix"),
    "unknown kind of file": ("m.xlsx", "x", "does not end in .csv, .tsv"),
    "no slug": ("!!.csv", GOOD, "give --name"),
    "a line end in a name": (
        "m.json",
        '{"tasks": ["a", "b\\nrm"], "matrix": [[0, 1], [1, 0]]}',
        "control",
    ),
    "half a character": (
        "m.json",
        '{"tasks": ["a", "\\ud800"], "matrix": [[0, 1], [1, 0]]}',
        "half a ch",
    ),
    "deep json": ("m.json", "[" * 100_000, "cannot be read as a matrix"),
    "huge number": ("m.json", f"[[0, 1{'0' * 400}], [1, 0]]", "cannot be read as a matrix"),
}


@pytest.mark.parametrize("case", BAD_MATRICES)
def test_import_refuses(cache, tmp_path, case):
    name, content, sentence = BAD_MATRICES[case]
    (tmp_path / name).write_text(content)
    with pytest.raises(StoreError, match=sentence) as raised:
        store.import_matrix(tmp_path / name, kind="similarity")
    assert "None" not in str(raised.value)
    assert not list(cache.iterdir())


def test_import_refuses_pickled_arrays(cache, tmp_path):
    np.save(tmp_path / "m.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(StoreError, match="cannot be read as a matrix"):
        store.import_matrix(tmp_path / "m.npy", kind="similarity")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("0,1\n1,0.5\n", "0 on the diagonal, but 'T2' has 0.5"),
        ("0,-1\n-1,0\n", "never negative, but 'T1' and 'T2' have -1"),
    ],
)
def test_import_refuses_what_is_no_divergence(cache, tmp_path, content, sentence):
    (tmp_path / "m.csv").write_text(content)
    with pytest.raises(StoreError, match=sentence):
        store.import_matrix(tmp_path / "m.csv", kind="divergence")
    store.import_matrix(tmp_path / "m.csv", kind="similarity", keep_kind=True)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name,rows\na,1\nb,2\nc,3\n", "unknown column 'name'"),
        ("rows\n1\n2\n3\n", "no column 'task'"),
        ("task,row\na,1\nb,2\nc,3\n", r"'row' \(did you mean 'rows'\?\)"),
        ("task\na\nb\n", r"lists 2 tasks, but .*m\.csv has 3"),
        ("task\na\nb\nb\n", "'b' stands more than once"),
        ("task,rows\na,1\n,2\nc,3\n", "line 3: the task has no name"),
        ("task,rows\na,1\nb,two\nc,3\n", "line 3: rows .* number"),
        ("task,rows\na,1\nb,0\nc,3\n", "line 3: rows .* above 0"),
        ("task,rows\na,1\nb,2.5\nc,3\n", "line 3: rows .* whole"),
        ("task,rows\na,1\nb,inf\nc,3\n", "line 3: rows"),
        ("task,mean_tokens\na,1\nb,inf\nc,3\n", "line 3: .*mean_tokens"),
        ("task,rows\na,1,9\nb,2,9\nc,3,9\n", "line 2: .* more cells"),
        ("", "is empty"),
    ],
)
def test_import_refuses_bad_task_lists(cache, tmp_path, content, sentence):
    (tmp_path / "m.csv").write_text(GOOD)
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(StoreError, match=sentence):
        store.import_matrix(tmp_path / "m.csv", kind="similarity", tasks=tmp_path / "t.csv")
    with pytest.raises(StoreError, match="There is no file"):
        store.import_matrix(tmp_path / "m.csv", kind="similarity", tasks=tmp_path / "none.csv")


def test_tasks_called_like_missing_values_keep_their_names(cache, tmp_path):
    (tmp_path / "m.csv").write_text(GOOD)
    (tmp_path / "t.csv").write_text('task,rows,family\nNA,1,\nnull,,x\n"a, b",3,y\n')
    study = store.import_matrix(tmp_path / "m.csv", kind="similarity", tasks=tmp_path / "t.csv")
    assert study.names == ("NA", "null", "a, b")
    assert [t.rows for t in study.tasks] == [1, None, 3]
    assert study.rows is None


def test_a_stray_name_is_named(cache, tmp_path):
    (tmp_path / "m.csv").write_text("a,b\n0,1\n1,0\n")
    (tmp_path / "t.csv").write_text("task\na\nc\n")
    with pytest.raises(StoreError, match="'b' stands in only one of"):
        store.import_matrix(tmp_path / "m.csv", kind="similarity", tasks=tmp_path / "t.csv")


def test_measures_of_a_study(cache, tmp_path):
    np.save(tmp_path / "m.npy", square(3, 1))
    study = store.import_matrix(tmp_path / "m.npy", kind="similarity", name="mine")
    assert study.slug == "mine"
    with pytest.raises(StoreError, match=r"no measure 'jsd'.*it has given"):
        store.similarity(study, "jsd")
    with pytest.raises(StoreError, match=r"holds no losses\.parquet"):
        store.losses(study)
    assert store.noise(study).tasks == ()
    with pytest.raises(StoreError, match="must be similarity or divergence"):
        store.import_matrix(tmp_path / "m.npy", kind="distance")
    with pytest.raises(StoreError, match="no name for a study"):
        store.import_matrix(tmp_path / "m.npy", kind="similarity", name="Bad Name")


def test_a_reader_between_the_two_writes_of_a_listing_waits_for_the_second(cache, monkeypatch):
    study = Path(write_study(cache).folder)
    whole = (study / "manifest.json").read_bytes()
    old = whole.replace(b'"schema": 1', b'"schema":  1')
    assert old != whole
    (study / "manifest.json").write_bytes(old)  # the guard is there already, the manifest not yet
    slept = []

    def meanwhile(seconds):
        slept.append(seconds)
        if len(slept) == 2:
            (study / "manifest.json").write_bytes(whole)

    monkeypatch.setattr("taskpgm_core.store.manifest.time.sleep", meanwhile)
    assert store.open_study(str(study)).slug
    assert len(slept) == 2
    (study / "manifest.json").write_bytes(old)
    with pytest.raises(StoreError, match="does not match"):
        store.open_study(str(study))
