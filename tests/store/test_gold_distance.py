"""The measure from the true tokens' probabilities: by loops, in a study, and for the bootstrap."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.analysis.drill_down import drill_down
from taskpgm_core.analysis.question import study_kernel
from taskpgm_core.analysis.replicates import replicates
from taskpgm_core.errors import StoreError
from taskpgm_core.mixture import kernel
from taskpgm_core.store.gold_distance import gold_divergence, gold_noise, seed_roots
from taskpgm_core.store.manifest import read_manifest
from tests.support.synthetic_study import write_study


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_the_distance_is_its_formula(seed, n):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, 5, 7)
    log_p = -rng.exponential(3.0, (n, tokens.sum()))
    log_p[0, 0] = -1e4  # a probability of exactly 0 is fine
    example = rng.dirichlet(np.ones(7))
    weights = np.repeat(example / tokens, tokens)
    d = gold_divergence(log_p, weights)
    for i in range(n):
        assert d[i, i] == 0.0
        for j in range(i):
            apart = (np.sqrt(np.exp(log_p[i])) - np.sqrt(np.exp(log_p[j]))) ** 2
            assert d[i, j] == pytest.approx(weights @ apart, abs=1e-14)
    assert 0 <= d.min() <= d.max() <= 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(0, 6))
def test_with_second_models_it_is_the_mean_over_the_pairs_of_models(seed, n, seconds):
    rng = np.random.default_rng(seed)
    log_p = -rng.exponential(3.0, (n, 11))
    second_tasks = np.sort(rng.permutation(n)[:seconds])
    again = -rng.exponential(3.0, (len(second_tasks), 11))
    weights = rng.dirichlet(np.ones(11))
    models = {i: [np.sqrt(np.exp(log_p[i]))] for i in range(n)}
    for i, x in zip(second_tasks.tolist(), again, strict=True):
        models[i].append(np.sqrt(np.exp(x)))
    d = gold_divergence(log_p, weights, second_tasks, again)
    mean, v = seed_roots(log_p, second_tasks, again)
    for i in range(n):
        for j in range(i):
            every = [(a - b) ** 2 for a in models[i] for b in models[j]]
            assert d[i, j] == d[j, i] == pytest.approx(weights @ np.mean(every, axis=0), abs=1e-13)
            np.testing.assert_allclose(
                (mean[i] - mean[j]) ** 2 + v[i] + v[j], np.mean(every, axis=0), atol=1e-13
            )
    nu = gold_noise(log_p[second_tasks], again, weights)
    for k, i in enumerate(second_tasks.tolist()):
        assert nu[k] == pytest.approx(weights @ (models[i][0] - models[i][1]) ** 2, abs=1e-14)


@pytest.mark.parametrize("slug", ["starter", "bigbench"])
def test_a_committed_study_has_it_and_no_file_knows(slug):
    study = store.open_study(slug)
    written = read_manifest(Path(study.folder))
    assert "gold" not in written["measures"]
    assert study.measures == (*written["measures"], "gold")
    S = store.similarity(study, "gold")
    assert S.measure == "gold"
    noise = store.noise(study, "gold")
    assert noise.tasks == tuple(study.names[k] for k in store.second_gold(study).tasks)
    seen = kernel(S, "auto", noise)
    assert (seen.source == "guess") == (not noise.tasks)
    assert seen.change == pytest.approx({"starter": 0.0, "bigbench": 0.0043}[slug], abs=1e-4)
    first, second = store.gold_log_probabilities(study), store.second_gold(study)
    again = dict(zip(second.tasks.tolist(), second.log_probability, strict=True))
    models = [[first[k], again[k]] if k in again else [first[k]] for k in (3, 7)]
    weights = store.probe_pool(study).position_weights
    apart = [
        weights @ (np.exp(a / 2.0) - np.exp(b / 2.0)) ** 2 for a in models[0] for b in models[1]
    ]
    assert S.divergence[3, 7] == pytest.approx(np.mean(apart), rel=1e-5)
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


def test_a_study_with_second_seeds_knows_the_noise_of_gold(tmp_path):
    study = write_study(tmp_path)
    gold, second = store.gold_log_probabilities(study), store.second_gold(study)
    weights = store.probe_pool(study).position_weights
    nu = weights @ (np.exp(gold[1] / 2.0) - np.exp(second.log_probability[0] / 2.0)) ** 2
    noise = store.noise(study, "gold")
    assert (noise.tasks, noise.measure, noise.batch) == ((study.names[1],), "gold", None)
    assert noise.divergence[0] == pytest.approx(nu, rel=1e-6)
    seen = study_kernel(study, store.similarity(study, "gold"), "auto")
    assert seen.distances.median_noise == pytest.approx(nu, rel=1e-6)
    assert seen.source in ("noise", "distances")
    D = store.similarity(study, "gold").divergence[0, 1]
    assert drill_down(study, "gold", 0, 1).share.sum() == pytest.approx(D)


def test_many_tasks_have_the_measure_and_are_drawn_again(tmp_path):
    tasks = tuple(f"t{k}" for k in range(70))
    study = write_study(tmp_path, tasks=tasks)
    assert store.similarity(study, "gold").n == 70
    assert replicates(study, "gold", draws=2).shape == (2, 70, 70)
