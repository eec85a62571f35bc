"""The measure ``text``: against TF-IDF written out by its formula, and what must hold of it."""

import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.errors import SourceError
from taskpgm_core.mixture.kernel import kernel
from taskpgm_core.records import Example, Similarity
from taskpgm_core.tasks import text_distance
from taskpgm_core.tasks.text_distance import text_distances

WORDS = st.sampled_from("a ab add sort the Sort café 12 3 x=7; ... naïve 日本語 don't".split())
ROWS = st.builds(
    lambda prompt, completion: Example(" ".join(prompt), " ".join(completion)),
    st.lists(WORDS, min_size=1, max_size=6),
    st.lists(WORDS, max_size=3),
)
TASKS = st.lists(st.lists(ROWS, min_size=1, max_size=5), min_size=2, max_size=5).map(
    lambda tasks: {f"t{k}": rows for k, rows in enumerate(tasks)}
)
few = settings(max_examples=25, deadline=None)


def character_terms(text):
    terms = []
    for word in text.lower().split():
        padded = f" {word} "
        for n in (3, 4, 5):
            if len(padded) <= n:
                terms.append(padded)
                break
            terms += [padded[k : k + n] for k in range(len(padded) - n + 1)]
    return terms


def word_terms(text):
    return re.findall(r"\w+|[^\w\s]", text.lower())


def length_one(vector):
    size = math.sqrt(sum(x * x for x in vector.values()))
    return {term: x / size for term, x in vector.items()} if size else {}


def reference(tasks):
    """(n, n) 1 - the mean of the blocks' cosines, by dictionaries."""
    cosines = []
    for terms_of in (character_terms, word_terms):
        rows = {
            t: [Counter(terms_of(f"{e.prompt}\n{e.completion}")) for e in tasks[t]] for t in tasks
        }
        every = [row for some in rows.values() for row in some]
        df = Counter(term for row in every for term in row)
        idf = {term: math.log((1 + len(every)) / (1 + f)) + 1 for term, f in df.items()}
        means = []
        for some in rows.values():
            mean = Counter()
            for row in some:
                for term, x in length_one({t: f * idf[t] for t, f in row.items()}).items():
                    mean[term] += x / len(some)
            means.append(length_one(mean))
        cosines.append([[sum(x * b.get(t, 0) for t, x in a.items()) for b in means] for a in means])
    return 1 - np.mean(cosines, axis=0)


@pytest.mark.slow
@few
@given(TASKS)
def test_it_is_tfidf_by_its_formula(tasks):
    found = text_distances(tasks, seed=0)
    assert found.divergence == pytest.approx(reference(tasks), abs=1e-12)


@pytest.mark.slow
@few
@given(TASKS, st.randoms(use_true_random=False))
def test_it_is_a_distance_that_order_does_not_change(tasks, random):
    D = text_distances(tasks, seed=0).divergence
    assert (D == D.T).all()
    assert (np.diagonal(D) == 0).all()
    assert (D >= 0).all()
    assert (D <= 1).all()
    names = random.sample(list(tasks), len(tasks))
    mixed = {name: random.sample(tasks[name], len(tasks[name])) for name in names}
    there = [list(tasks).index(name) for name in names]
    again = text_distances(mixed, seed=0)
    assert again.tasks == tuple(names)
    assert again.divergence == pytest.approx(D[np.ix_(there, there)], abs=1e-12)


@pytest.mark.slow
@few
@given(TASKS, st.sampled_from([0.01, 0.1, 1.0]))
def test_copies_are_at_distance_zero_and_the_kernel_needs_no_mending(tasks, sigma):
    tasks = {**tasks, "copy": tasks["t0"]}
    D = text_distances(tasks, seed=0).divergence
    assert D[0, -1] == 0
    assert np.linalg.eigvalsh(np.exp(-D / sigma)).min() > -1e-10
    seen = kernel(Similarity(tuple(tasks), -D, "text"), sigma)
    assert not seen.distances.fault
    assert seen.change < 1e-9


@pytest.mark.slow
@few
@given(TASKS)
def test_noise_is_half_the_distance_of_the_halves(tasks):
    found = text_distances(tasks, seed=3)
    assert [found.tasks[k] for k in found.noise_tasks] == [t for t in tasks if len(tasks[t]) > 1]
    assert ((found.noise >= 0) & (found.noise <= 0.5)).all()
    for k, nu in zip(found.noise_tasks, found.noise, strict=True):
        rows = tasks[found.tasks[k]]
        if len(set(rows)) == 1:
            assert nu == pytest.approx(0, abs=1e-12)
        if len(rows) == 2:  # each row is a half
            halves = {f"half {h}": rows[h : h + 1] for h in (0, 1)}
            rest = {t: tasks[t] for t in tasks if t != found.tasks[k]}
            apart = reference({**halves, **rest})[0, 1]
            assert nu == pytest.approx(apart / 2, abs=1e-12)


def test_tasks_that_differ_by_chance_alone_are_as_far_apart_as_their_noise():
    rng = np.random.default_rng(0)
    words = [f"word{k}" for k in range(60)]
    rows = [[Example(" ".join(rng.choice(words, 8)), "") for _ in range(150)] for _ in range(24)]
    found = text_distances({f"t{k}": some for k, some in enumerate(rows)}, seed=0)
    apart = found.divergence[np.triu_indices(24, 1)].mean()
    assert found.noise.mean() == pytest.approx(apart, rel=0.2)


def test_at_most_so_many_rows_are_read_by_a_draw_of_the_seed(monkeypatch):
    monkeypatch.setattr(text_distance, "MOST_ROWS", 8)
    many = [Example(f"row number {k} of {k % 7}", str(k)) for k in range(40)]
    tasks = {"many": many, "few": [Example("something else", "yes")] * 3}
    read = text_distance._drawn("many", many, 0)
    assert len(set(read)) == 8
    assert text_distance._drawn("many", many, 1) != read
    one, same, other = (text_distances(tasks, seed=s) for s in (0, 0, 1))
    assert (one.divergence == same.divergence).all()
    assert (one.noise == same.noise).all()
    assert (one.divergence != other.divergence).any()


def test_a_task_of_white_space_is_refused_by_name():
    tasks = {"blank": [Example(" \n", "\t")], "other": [Example("add 1 and 2", "3")]}
    with pytest.raises(SourceError, match=r"^Task 'blank' has no rows with anything but white"):
        text_distances(tasks, seed=0)
