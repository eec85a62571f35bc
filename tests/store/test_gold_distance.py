"""The measure from the true tokens' probabilities: by loops, in a study, and for the bootstrap."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.analysis.drill_down import drill_down
from taskpgm_core.analysis.replicates import replicates
from taskpgm_core.errors import NotKeptError, StoreError
from taskpgm_core.mixture import kernel
from taskpgm_core.store.gold_distance import gold_divergence, gold_per_example
from taskpgm_core.store.manifest import read_manifest
from taskpgm_core.store.reader import pair_index
from tests.support.synthetic_study import write_study


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_the_distance_is_its_formula(seed, n):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, 5, 7)
    first = np.concatenate([[0], np.cumsum(tokens)[:-1]])
    log_p = -rng.exponential(3.0, (n, tokens.sum()))
    log_p[0, 0] = -1e4  # a probability of exactly 0 is fine
    example = rng.dirichlet(np.ones(7))
    weights = np.repeat(example / tokens, tokens)
    d = gold_divergence(log_p, weights)
    values = gold_per_example(log_p, first, tokens)
    assert values.shape == (n * (n - 1) // 2, 7)
    for i in range(n):
        assert d[i, i] == 0.0
        for j in range(i):
            apart = (np.sqrt(np.exp(log_p[i])) - np.sqrt(np.exp(log_p[j]))) ** 2
            assert d[i, j] == pytest.approx(weights @ apart, abs=1e-14)
            assert values[pair_index(n, i, j)] @ example == pytest.approx(d[i, j], abs=1e-14)
    assert 0 <= d.min() <= d.max() <= 1


@pytest.mark.parametrize(("slug", "skills"), [("starter", 19.755), ("bigbench", 22.155)])
def test_a_committed_study_has_it_and_no_file_knows(slug, skills):
    study = store.open_study(slug)
    assert study.measures == ("jsd", "pmi", "pmi-token", "gold")
    written = read_manifest(Path(study.folder))
    assert "gold" not in written["measures"]
    S = store.similarity(study, "gold")
    assert S.measure == "gold"
    seen = kernel(S, "auto", store.noise(study))  # noise is of another measure
    assert (seen.source, seen.change) == ("guess", 0.0)
    usual = float(np.median(S.divergence[np.triu_indices(26, 1)]))
    assert kernel(S, usual / 8).skills == pytest.approx(skills, abs=0.001)
    pairs = store.gold_pair_divergences(study)
    per_task = np.bincount(pairs.task)
    mean = pairs.of(3, 7) @ (1 / (26 * per_task[pairs.task]))
    assert mean == pytest.approx(S.divergence[3, 7], rel=1e-9)
    assert drill_down(study, "gold", 3, 7).share.sum() == pytest.approx(S.divergence[3, 7])


def test_the_bootstrap_of_a_study_is_centred_on_it():
    study = store.open_study("starter")
    drawn = replicates(study, "gold", draws=100)
    S = store.similarity(study, "gold").matrix
    spread = drawn.std(axis=0)
    assert spread.max() > 0
    assert np.abs(drawn.mean(axis=0) - S).max() < 4 * spread.max() / 10
    with pytest.raises(StoreError, match="no examples for the measure 'kernel'"):
        replicates(study, "kernel")


def test_many_tasks_have_the_measure_but_no_values_by_example(tmp_path):
    tasks = tuple(f"t{k}" for k in range(70))
    study = write_study(tmp_path, tasks=tasks)
    assert store.similarity(study, "gold").n == 70
    with pytest.raises(NotKeptError, match="up to 64"):
        replicates(study, "gold")
