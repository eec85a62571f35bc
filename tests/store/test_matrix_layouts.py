"""Matrices as people have them: every layout gives the same study, every doubt one sentence."""

import gzip
import io
import json
import lzma

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.cli.main import main
from taskpgm_core.errors import StoreError
from taskpgm_core.store.matrix_rounding import NEAR_ZERO, ROUNDING, told_apart

NAMES = ["mnli", "qnli", "rte", "sst2"]
S = np.array(
    [[1, 0.62, 0.71, 0.2], [0.62, 1, 0.55, 0.18], [0.71, 0.55, 1, 0.22], [0.2, 0.18, 0.22, 1]]
)
D = np.array([[0, 0.3, 0.2], [0.3, 0, 0.5], [0.2, 0.5, 0]])
FRAME = pd.DataFrame(S, index=NAMES, columns=NAMES)
UPPER = FRAME.where(np.triu(np.ones((4, 4), dtype=bool)))
PAIRS = [(a, b, S[i, j]) for i, a in enumerate(NAMES) for j, b in enumerate(NAMES) if i <= j]


def brought(tmp_path, name, content, kind="similarity", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return store.import_matrix(path, kind=kind, name="mine", root=tmp_path / "cache", **options)


def csv_of(frame=FRAME, **options):
    return frame.to_csv(**{"lineterminator": "\n", **options})


def pairs(separator=",", header="i,j,value", both=False):
    rows = PAIRS + [(b, a, v) for a, b, v in PAIRS if a != b] * both
    head = [header.replace(",", separator)] if header else []
    return "\n".join(head + [separator.join(map(str, row)) for row in rows])


def table_orient():
    return FRAME.rename_axis("task").to_json(orient="table")


LAYOUTS = {
    # how it is saved: (file name, text); all hold S under NAMES
    "commas": ("m.csv", csv_of()),
    "semicolons": ("m.csv", csv_of(sep=";")),
    "decimal commas": ("m.csv", csv_of(sep=";", decimal=",")),
    "decimal commas and tabs": ("m.tsv", csv_of(sep="\t", decimal=",")),
    "tabs in a csv": ("m.csv", csv_of(sep="\t")),
    "bars": ("m.txt", csv_of(sep="|")),
    "markdown": (
        "m.md",
        "| | "
        + " | ".join(NAMES)
        + " |\n|---|---|---|---|---|\n"
        + "\n".join(
            f"| {n} | " + " | ".join(map(str, r)) + " |" for n, r in zip(NAMES, S, strict=True)
        ),
    ),
    "white space": ("m.txt", FRAME.to_string()),
    "R": (
        "m.txt",
        " ".join(f'"{n}"' for n in NAMES)
        + "\n"
        + "\n".join(f'"{n}" ' + " ".join(map(str, r)) for n, r in zip(NAMES, S, strict=True)),
    ),
    "numpy.savetxt with a header": (
        "m.txt",
        "# " + " ".join(NAMES) + "\n" + "\n".join(" ".join(map(repr, map(float, r))) for r in S),
    ),
    "byte order mark": ("m.csv", b"\xef\xbb\xbf" + csv_of().encode()),
    "UTF-16": ("m.csv", csv_of(sep="\t").encode("utf-16")),
    "carriage returns": ("m.csv", csv_of(lineterminator="\r\n")),
    "names above only": ("m.csv", csv_of(index=False)),
    "names beside only": ("m.csv", csv_of(header=False)),
    "an unnamed index": (
        "m.csv",
        csv_of(FRAME.reset_index().rename(columns={"index": "Unnamed: 0"}), index=False),
    ),
    "a named index": ("m.csv", csv_of(FRAME.rename_axis("task"))),
    "columns in another order": ("m.csv", csv_of(FRAME[NAMES[::-1]])),
    "pairs": ("m.csv", pairs()),
    "pairs without a header": ("m.csv", pairs(header="")),
    "pairs both ways": ("m.csv", pairs(both=True)),
    "pairs, other header": ("m.csv", pairs(";", "Task_A,Task_B,Similarity")),
    "pairs, numbered header": ("m.tsv", pairs("\t", "task1,task2,cosine")),
    "pairs, nameless header": ("m.csv", pairs(header="one task,another,how alike")),
    "upper triangle": ("m.csv", csv_of(UPPER)),
    "upper triangle, words": ("m.csv", csv_of(UPPER, na_rep="NaN")),
    "lower triangle": ("m.csv", csv_of(UPPER.T)),
    "lower triangle, short rows": (
        "m.csv",
        "\n".join(",".join([n, *map(str, S[i, : i + 1])]) for i, n in enumerate(NAMES)),
    ),
    "upper triangle, short rows": (
        "m.csv",
        "\n".join(",".join([n, *map(str, S[i, i:])]) for i, n in enumerate(NAMES)),
    ),
    "lower triangle, zeros": ("m.csv", csv_of(pd.DataFrame(np.tril(S), NAMES, NAMES))),
    "a total row": ("m.csv", csv_of(pd.concat([FRAME, FRAME.sum().to_frame("Total").T]))),
    "a mean column": ("m.csv", csv_of(FRAME.assign(Mean=FRAME.mean(axis=1)))),
    "totals both ways": (
        "m.csv",
        csv_of(
            FRAME.assign(All=FRAME.sum(axis=1)).pipe(
                lambda f: pd.concat([f, f.sum().to_frame("All").T])
            )
        ),
    ),
    "split": ("m.json", FRAME.to_json(orient="split")),
    "columns": ("m.json", FRAME.to_json()),
    "index": ("m.json", FRAME.to_json(orient="index")),
    "table": ("m.json", table_orient()),
    "records": ("m.json", FRAME.to_json(orient="records")),
    "records with names": ("m.json", FRAME.reset_index().to_json(orient="records")),
    "JSON lines": ("m.jsonl", FRAME.reset_index().to_json(orient="records", lines=True)),
    "pairs in JSON": ("m.json", json.dumps([{"a": a, "b": b, "s": v} for a, b, v in PAIRS])),
    "object of lists": ("m.json", json.dumps(FRAME.to_dict(orient="list"))),
    "object of half objects": (
        "m.json",
        json.dumps({a: {b: v for c, b, v in PAIRS if c == a} for a in NAMES}),
    ),
    "packed": ("m.csv.gz", gzip.compress(csv_of().encode(), mtime=0)),
    "packed, zstd": ("m.csv.zst", pa.compress(csv_of().encode(), codec="zstd", asbytes=True)),
    "packed under a plain name": ("m.csv", lzma.compress(csv_of().encode())),
    "an empty last column": ("m.csv", csv_of().replace("\n", ",\n")),
    "keys in capitals": ("m.json", json.dumps({"Tasks": NAMES, "Matrix": S.tolist()})),
    "names beside data": ("m.json", json.dumps({"labels": NAMES, "similarity": S.tolist()})),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_one_matrix_in_many_layouts_is_one_study(tmp_path, case):
    plain = brought(tmp_path, "plain.csv", csv_of())
    study = brought(tmp_path, *LAYOUTS[case])
    assert study.names == tuple(NAMES)
    np.testing.assert_array_equal(store.similarity(study).matrix, S)
    assert study.digest == plain.digest
    assert study.digest.startswith("dd24bf00bc1e")  # what this matrix has had since 0.1


UNNAMED = {
    "values": ("m.json", FRAME.to_json(orient="values")),
    "no names": ("m.csv", csv_of(header=False, index=False)),
    "white space": ("m.txt", "\n".join("  ".join(f"{x:8.5f}" for x in row) for row in S)),
    "counted columns": ("m.csv", csv_of(pd.DataFrame(S), index=False)),
    "counted rows": ("m.csv", csv_of(pd.DataFrame(S), header=False)),
}


@pytest.mark.parametrize("case", UNNAMED)
def test_a_matrix_without_names_is_one_too(tmp_path, case):
    study = brought(tmp_path, *UNNAMED[case])
    assert study.names == ("T1", "T2", "T3", "T4")
    np.testing.assert_array_equal(store.similarity(study).matrix, S)


def saved(tmp_path, name, write):
    write(tmp_path / name)
    return store.import_matrix(tmp_path / name, kind="similarity", name="mine", root=tmp_path / "c")


def test_arrays_and_frames_of_other_kinds(tmp_path):
    for name, write in {
        "i.parquet": FRAME.to_parquet,
        "c.parquet": lambda p: FRAME.reset_index().to_parquet(p),
        "n.npz": lambda p: np.savez(p, matrix=S, names=np.array(NAMES)),
        "f.npz": lambda p: np.savez(
            p, matrix=S, tasks=np.array(NAMES), families=np.array(NAMES)[:2]
        ),
        "s.parquet": lambda p: FRAME.stack().rename("s").to_frame().to_parquet(p),
    }.items():
        study = saved(tmp_path, name, write)
        assert study.names == tuple(NAMES)
        np.testing.assert_array_equal(store.similarity(study).matrix, S)
    study = saved(tmp_path, "f.npz", lambda p: np.savez(p, S.astype(np.float32)))
    np.testing.assert_allclose(store.similarity(study).matrix, S, rtol=1e-6)
    np.save(tmp_path / "pdist.npy", D[np.triu_indices(3, 1)])
    study = store.import_matrix(tmp_path / "pdist.npy", kind="divergence", root=tmp_path / "c")
    np.testing.assert_array_equal(store.similarity(study).divergence, D)
    assert "3 numbers" in study.facts["warnings"][0]


@settings(max_examples=20, deadline=None)
@given(
    order=st.permutations(["task", "other", "similarity", "n", "std"]),
    kept=st.sets(st.sampled_from(["n", "std"])),
    value=st.sampled_from(["similarity", "s"]),
)
def test_a_list_of_pairs_is_the_same_or_refused_in_every_kind_of_file(
    tmp_path_factory, order, kept, value
):
    tmp_path = tmp_path_factory.mktemp("pairs")
    rows = pd.DataFrame(PAIRS, columns=["task", "other", "similarity"]).assign(n=7, std=0.1)
    frame = rows[[c for c in order if c not in {"n", "std"} - kept]]
    frame = frame.rename(columns={"similarity": value})
    kinds = {
        "m.csv": frame.to_csv(index=False).encode(),
        "m.json": frame.to_json(orient="records").encode(),
        "m.jsonl": frame.to_json(orient="records", lines=True).encode(),
        "m.parquet": frame.to_parquet(),
    }
    for name, content in kinds.items():
        if kept and value == "s":
            with pytest.raises(StoreError):
                brought(tmp_path, name, content)
        else:
            study = brought(tmp_path, name, content)
            at = [NAMES.index(task) for task in study.names]
            np.testing.assert_array_equal(store.similarity(study).matrix, S[np.ix_(at, at)])


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_damaged_npz_is_a_matrix_or_a_sentence(tmp_path_factory, data):
    buffer = io.BytesIO()
    np.savez(buffer, matrix=S, names=np.array(NAMES))
    whole = bytearray(buffer.getvalue())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 255
    cut = bytes(whole[: data.draw(st.integers(1, len(whole)))])
    try:
        study = brought(tmp_path_factory.mktemp("npz"), "m.npz", cut)
    except StoreError:
        return
    np.testing.assert_array_equal(store.similarity(study).matrix, S)


SAID = {
    "mirrored": (*LAYOUTS["upper triangle"], "similarity", "above the diagonal were given"),
    "zeros": (*LAYOUTS["lower triangle, zeros"], "similarity", "those below the diagonal were 0"),
    "total": (*LAYOUTS["a total row"], "similarity", "last row held the sums .* left out"),
    "mean": (*LAYOUTS["a mean column"], "similarity", "last column held the means"),
    "both totals": (*LAYOUTS["totals both ways"], "similarity", "last row and last column"),
    "order": (*LAYOUTS["columns in another order"], "similarity", "order of the rows"),
    "diagonal": ("m.csv", "1e-7,.5\n.5,0\n", "divergence", "up to 1e-07, is rounding"),
    "empty diagonal": ("m.csv", ",.5\n.5,\n", "divergence", "The diagonal had empty cells"),
    "below zero": ("m.csv", "0,-1e-9,1\n-1e-9,0,2\n1,2,0\n", "divergence", "down to -1e-09"),
    "both ways": ("m.csv", "1,0.6200001\n0.62,1\n", "similarity", "up to 1e-07, which is rounding"),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_cleaned_is_said(tmp_path, case):
    name, content, kind, sentence = SAID[case]
    study = brought(tmp_path, name, content, kind)
    assert any(pd.Series(study.facts["warnings"]).str.contains(sentence))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(2, 6), part=st.floats(-1, 1))
def test_rounding_moves_a_divergence_by_no_more_than_itself(tmp_path_factory, seed, n, part):
    tmp_path = tmp_path_factory.mktemp("noise")
    random = np.random.default_rng(seed)
    true = np.abs(random.normal(size=(n, n)))
    true = np.triu(true, 1) + np.triu(true, 1).T
    scale = true.max()
    noisy = true + part * ROUNDING / 3 * scale * random.uniform(-1, 1, (n, n))
    np.fill_diagonal(noisy, part * NEAR_ZERO * 0.9 * scale)
    np.save(tmp_path / "m.npy", noisy)
    study = store.import_matrix(tmp_path / "m.npy", kind="divergence", root=tmp_path / "c")
    found = store.similarity(study).divergence
    assert np.abs(found - true).max() <= ROUNDING * scale
    assert not np.diagonal(found).any()
    assert found.min() >= 0


def test_float32_noise_is_cleaned_and_float64_of_the_same_size_too(tmp_path):
    noisy = S.astype(np.float32)
    noisy[0, 1] = np.nextafter(noisy[0, 1], np.float32(1))
    study = saved(tmp_path, "m.npy", lambda p: np.save(p, noisy))
    assert "6e-08, which is rounding" in study.facts["warnings"][0]
    half = S.astype(np.float16)
    half[0, 1] = np.nextafter(half[0, 1], np.float16(1))
    study = saved(tmp_path, "h.npy", lambda p: np.save(p, half))
    assert "0.00049, which is rounding" in study.facts["warnings"][0]


def test_both_ways_are_averaged_only_where_one_asks(tmp_path, capsys):
    text = "a,b,c\n1,0.50000,0.1\n0.50003,1,0.2\n0.1,0.2,1\n"
    with pytest.raises(StoreError, match=r"'a' and 'b' have 0\.5 one way and 0\.50003 the other; "):
        brought(tmp_path, "m.csv", text)
    (tmp_path / "m.csv").write_text(text)
    assert main(["import", str(tmp_path / "m.csv"), "--kind", "similarity", "--symmetrise"]) == 0
    assert "differed by up to 3e-05; their mean was taken (--symm" in capsys.readouterr().err
    study = store.open_study("m")
    assert study.facts["symmetrised"] == pytest.approx(3e-5)
    assert store.similarity(study).matrix[0, 1] == pytest.approx(0.500015)
    assert main(["show", "m"]) == 0
    assert "their mean was taken" in capsys.readouterr().err
    store.delete(study)


@given(a=st.floats(allow_nan=False, allow_infinity=False), b=st.floats(allow_nan=False))
def test_numbers_that_differ_are_printed_apart(a, b):
    if a != b:
        one, other = told_apart(a, b)
        assert one != other
        assert (float(one) < float(other)) == (a < b) or float(one) == float(other)


def test_a_doubted_kind_is_kept_where_one_says_so(tmp_path):
    with pytest.raises(StoreError, match="--kind divergence, or add --keep-kind"):
        brought(tmp_path, "m.csv", csv_of(pd.DataFrame(D)))
    study = brought(tmp_path, "m.csv", csv_of(pd.DataFrame(D)), keep_kind=True)
    np.testing.assert_array_equal(store.similarity(study).matrix, D)


REFUSED = {
    "distances as similarities": ("m.csv", csv_of(pd.DataFrame(D)), "similarity", "--kind diverg"),
    "distances in pairs": (
        "m.csv",
        "a,b,0\nb,c,0\na,a,0\n",
        "similarity",
        "says nothing of 'a' and 'c'",
    ),
    "similarities as distances": ("m.csv", csv_of(), "divergence", "use --kind similarity"),
    "minus divergences as distances": (
        "m.csv",
        csv_of(pd.DataFrame(-D)),
        "divergence",
        "never neg",
    ),
    "a large diagonal": (
        "m.csv",
        "0.1,.5\n.5,0\n",
        "divergence",
        "0 on the diagonal.*write 0 there",
    ),
    "an empty diagonal": ("m.csv", ",.5\n.5,\n", "similarity", "the diagonal is empty; write"),
    "a strict triangle": ("m.csv", "a,,.5,.2\nb,,,.3\nc,,,\n", "similarity", "diagonal is empty"),
    "half a pair": ("m.csv", "1,.5\n0,1\n", "similarity", "zeros on one side .*--symmetrise"),
    "zeros on both sides": ("m.csv", "1,.5,0\n0,1,.2\n0,0,1\n", "similarity", "zeros on one side"),
    "a hole": ("m.csv", "1,.5,.2\n.5,1,\n.2,.3,1\n", "similarity", "row 2, column 3 is ''"),
    "a total that is none": ("m.csv", "a,b\n1,.5\n.5,1\n3,4\n", "similarity", "no sum or mean"),
    "mixed decimals": (
        "m.csv",
        "1;0,5\n0.5;1\n",
        "similarity",
        "'0,5' with a decimal comma and '0.5'",
    ),
    "a pair twice": (
        "m.csv",
        "a,b,1\nb,c,2\na,c,3\na,b,4\n",
        "similarity",
        "earlier row 1; keep one",
    ),
    "a pair without a number": (
        "m.csv",
        "a,b,1\nb,c,x y\n",
        "similarity",
        "row 2 has no number for",
    ),
    "some pairs both ways": (
        "m.csv",
        "i,j,value\na,b,1\nb,a,1\nb,c,2\na,c,3\n",
        "similarity",
        "only one way",
    ),
    "another encoding": (
        "m.csv",
        "é,b\n1,0\n0,1\n".encode("latin-1"),
        "similarity",
        "not text in UTF-8",
    ),
    "underscores": ("m.csv", "a,b\n1,5_5\n5_5,1\n", "similarity", "'5_5', no number"),
    "a comma that may group": (
        "m.csv",
        ";a;b\na;5;1,234\nb;1,234;5\n",
        "similarity",
        "whether '1,234' has a decimal comma or groups thousands",
    ),
    "numbers too large": ("m.csv", "1e308,1\n1,1e308\n", "similarity", "too large to compute with"),
    "a name twice": (
        "m.json",
        '{"a": {"a": 1, "b": 0.5, "b": 0.7}, "b": {"a": 0.7, "b": 1}}',
        "similarity",
        "'b' stands in it twice",
    ),
    "objects in objects": (
        "m.json",
        json.dumps({"result": {"matrix": S.tolist()}}),
        "similarity",
        "neither a list of rows",
    ),
    "nothing": ("m.json", "null", "similarity", "is empty; it must hold"),
    "no ending": ("matrix", csv_of(), "similarity", "does not end in .csv"),
    "a damaged archive": ("m.csv.gz", b"\x1f\x8b\x08hello", "similarity", "damaged packed file"),
    "a line separator in a name": (
        "m.csv",
        "a\u2028b,c\n1,0\n0,1\n",
        "similarity",
        "control character",
    ),
    "words only": ("m.csv", "a,b\nc,d\n", "similarity", "row 2, column"),
    "names only": ("m.csv", "a,b,c\n", "similarity", "holds names, but no numbers"),
    "no matrix in JSON": ("m.json", '{"a": 1}', "similarity", "neither a list of rows"),
    "broken JSON": ("m.json", '{"a": [1,', "similarity", "not valid JSON on line 1"),
    "ragged records": ("m.json", '{"a": [1, 2], "b": [1]}', "similarity", "differ in length"),
    "NPZ of nothing": ("m.npz", b"PK\x05\x06" + bytes(18), "similarity", "holds nothing"),
    "no NPZ": ("m.npz", b"hello", "similarity", "no whole NPZ"),
    "a triple of numbers": ("m.npy", None, "similarity", "square, but it is 2 x 2 x 2"),
    "two matrices": ("m.npz", None, "similarity", "must hold one matrix, but holds"),
    "a sparse matrix": ("m.npz", None, "similarity", r"sparse; save it with \.toarray"),
    "two lists of names": ("m.npz", None, "similarity", "ids, groups may all name its tasks"),
    "names as objects": ("m.npz", None, "similarity", r"save names with \.astype\(str\)"),
    "pairs of two numbers": (
        "m.json",
        '[{"a": "x", "b": "y", "layer": 1, "s": 0.5}]',
        "similarity",
        "which column is the number of a pair",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_every_doubt_is_one_true_sentence(tmp_path, case):
    name, content, kind, sentence = REFUSED[case]
    if content is None:
        path = tmp_path / "made.npz"
        arrays = {"one": S, "two": S}
        names = np.array(NAMES)
        arrays = {
            "two lists of names": {"S": S, "ids": names, "groups": names[::-1]},
            "names as objects": {"S": S, "names": names.astype(object)},
        }.get(case, arrays)
        if case == "a sparse matrix":
            arrays = {k: np.arange(2) for k in ("indices", "indptr", "shape", "data")}
        np.savez(path, **arrays)
        if name.endswith("npy"):
            path = tmp_path / "made.npy"
            np.save(path, np.zeros((2, 2, 2)))
        content = path.read_bytes()
    with pytest.raises(StoreError, match=sentence) as raised:
        brought(tmp_path, name, content, kind)
    text = str(raised.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert not any(word in text for word in ("Error", "None", "object of type", "invalid literal"))


@settings(max_examples=200, deadline=None)
@given(text=st.text("01.,;|\t \nab-", max_size=60), suffix=st.sampled_from(["csv", "txt", "md"]))
def test_any_text_is_a_matrix_or_a_sentence(tmp_path_factory, text, suffix):
    tmp_path = tmp_path_factory.mktemp("any")
    try:
        study = brought(tmp_path, f"m.{suffix}", text, keep_kind=True)
    except StoreError:
        return
    matrix = store.similarity(study).matrix
    np.testing.assert_array_equal(matrix, matrix.T)


@settings(max_examples=200, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
    )
)
def test_any_json_is_a_matrix_or_a_sentence(tmp_path_factory, value):
    tmp_path = tmp_path_factory.mktemp("any")
    try:
        study = brought(tmp_path, "m.json", json.dumps(value), keep_kind=True)
    except StoreError as error:
        said = str(error)
    else:
        matrix = store.similarity(study).matrix
        np.testing.assert_array_equal(matrix, matrix.T)
        said = "read."
    assert said.endswith((".", "?"))
    assert "\n" not in said


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("task,rows,rows\na,1,1\nb,1,1\nc,1,1\n", "two columns are called 'rows'"),
        ("task,rows\na,1_0\nb,1\nc,1\n", "rows is '1_0', which must be a number"),
        ("task,rows\na,1e30\nb,1\nc,1\n", "rows is 1e\\+30, which is too large"),
        ("task;rows\na;12,000\nb;1\nc;1\n", "whose comma may group thousands"),
        ('task,source\na,"x\ny"\nb,z\nc,z\n', "source holds a control character"),
    ],
)
def test_doubts_about_a_table_of_tasks_are_one_true_sentence(tmp_path, table, sentence):
    path = tmp_path / "tasks.csv"
    path.write_text(table)
    with pytest.raises(StoreError, match=sentence):
        brought(tmp_path, "d.csv", csv_of(pd.DataFrame(D)), "divergence", tasks=path)
