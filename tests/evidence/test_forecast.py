"""A forecast knows its ends, finds a planted truth, and advises only where it ranked."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import spearmanr

from taskpgm_core import store
from taskpgm_core.analysis.kept_gain import kept_gain
from taskpgm_core.evidence.forecast import (
    CURVATURES,
    Forecast,
    adviser,
    curvature,
    forecast,
    foresight,
    permutation_p,
)
from taskpgm_core.evidence.protocol import load_protocol
from taskpgm_core.records import LossTable
from tests.support.kept_runs import committed_copy, keep_reference, keep_run
from tests.support.protocols import protocol
from tests.support.synthetic_study import write_study

ROWS = 128.0


def loss_table(n, seed):
    """Own models gain 1 to 2.5 nats; others anything, worse than the base model too."""
    rng = np.random.default_rng(seed)
    table = rng.uniform(0.5, 4.0, (n + 1, n))
    table[-1] = 3.0
    table[np.arange(n), np.arange(n)] = rng.uniform(0.5, 2.0, n)
    return LossTable(tuple(f"t{k}" for k in range(n)), table, table)


@st.composite
def forecasts(draw):
    losses = loss_table(draw(st.integers(1, 6)), draw(st.integers(0, 10_000)))
    return Forecast(losses, draw(st.sampled_from(list(CURVATURES[::7]))), ROWS)


def shares(told, seed):
    return np.random.default_rng(seed).dirichlet(np.ones(len(told.losses.tasks)))


@given(forecasts(), st.integers(0, 100), st.floats(0, 2000), st.floats(0, 500))
def test_more_rows_are_never_worse_and_none_gain_nothing(told, seed, rows, more):
    p = shares(told, seed)
    assert (told.kept(p, rows + more) >= told.kept(p, rows) - 1e-12).all()
    assert told.kept(p, 0) == pytest.approx(0, abs=1e-12)
    assert told.loss(p, 0) == pytest.approx(told.losses.per_token[-1])


@given(forecasts())
def test_one_task_alone_keeps_what_its_model_keeps(told):
    table, n = told.losses.per_token, len(told.losses.tasks)
    kept = told.kept(np.eye(n), ROWS)
    assert kept == pytest.approx(np.clip(kept_gain(told.losses), 0, 1), abs=1e-6)
    assert np.diagonal(told.loss(np.eye(n), ROWS)) == pytest.approx(np.diagonal(table[:-1]))


@given(forecasts(), st.integers(0, 100))
def test_the_order_of_tasks_does_not_matter(told, seed):
    p, n = shares(told, seed), len(told.losses.tasks)
    order = np.random.default_rng(seed).permutation(n)
    table = told.losses.per_token[np.ix_([*order, n], order)]
    names = tuple(told.losses.tasks[k] for k in order)
    turned = Forecast(LossTable(names, table, table), told.curvature, ROWS)
    assert turned.kept(p[order], 512) == pytest.approx(told.kept(p, 512)[order], abs=1e-9)


@given(forecasts(), st.integers(0, 100))
def test_the_slow_way_gives_the_same(told, seed):
    p, c, n = shares(told, seed), told.curvature, len(told.losses.tasks)
    kept = kept_gain(told.losses)

    def learned(x):
        return (1 - np.exp(-c * x)) / (1 - np.exp(-c))

    for j in range(n):
        effective = 0.0
        for i in range(n):
            share = min(max(kept[i, j], 0.0), 1.0)
            worth = brentq(lambda x, s=share: learned(x) - s, -1e-9, 1 + 1e-9, xtol=1e-14)
            effective += 300 * p[i] * worth
        assert told.kept(p, 300)[j] == pytest.approx(learned(effective / ROWS), abs=1e-5)


def curves_of(losses, c, steps, noise=0.0):
    rng = np.random.default_rng(0)
    base, own = losses.per_token[-1], np.diagonal(losses.per_token[:-1])
    return pd.DataFrame(
        {
            "task": name,
            "replicate": k,
            "step": t,
            "loss": base[j]
            - (base[j] - own[j]) * np.expm1(-c * t / steps) / np.expm1(-c)
            + noise * rng.normal(),
        }
        for j, name in enumerate(losses.tasks)
        for k in range(2)
        for t in range(steps)
    )


@pytest.mark.parametrize("c", [0.5, 3.0, 8.0])
def test_the_curvature_of_training_curves_is_found(c):
    losses = loss_table(12, 3)
    assert curvature(curves_of(losses, c, 24), losses, 24) == pytest.approx(c, rel=0.02)
    noisy = curvature(curves_of(losses, c, 24, 0.2), losses, 24)
    assert noisy == pytest.approx(c, rel=0.25)


def test_what_gains_next_to_nothing_says_nothing_of_the_curve():
    table = loss_table(4, 1).per_token.copy()
    table[3, 3] = table[-1, 3] - 0.1
    losses = LossTable(tuple("abcd"), table, table)
    curves = curves_of(losses, 5.0, 16)
    curves.loc[curves["task"] == "d", "loss"] = 9.0
    assert curvature(curves, losses, 16) == pytest.approx(5.0, rel=0.02)
    assert curvature(curves[curves["task"] != "a"], losses, 16) is None
    table[np.arange(4), np.arange(4)] = table[-1] - 0.1
    assert curvature(curves, LossTable(tuple("abcd"), table, table), 16) is None


def brute(a, b):
    """Both tails of all orders, the smaller one doubled."""
    rho = np.array([spearmanr(order, b).statistic for order in itertools.permutations(a)])
    own = spearmanr(a, b).statistic
    return min(1.0, 2 * min((rho >= own - 1e-9).mean(), (rho <= own + 1e-9).mean()))


def test_the_p_of_a_ranking_is_exact_where_there_are_few_arms():
    for seed, n in enumerate((3, 4, 5, 5)):
        a, b = np.random.default_rng(seed).normal(size=(2, n))
        assert permutation_p(a, b) == pytest.approx(brute(a, b))
    assert permutation_p([1, 2, 2, 4], [1, 2, 3, 4]) == pytest.approx(
        brute([1, 2, 2, 4], [1, 2, 3, 4])
    )
    assert permutation_p(range(4), range(4)) == pytest.approx(2 / 24)
    order = [0, 1, 3, 2, 4, 5, 8, 7, 6]
    assert permutation_p(range(9), order) == permutation_p(range(9), order) < 0.01


@pytest.fixture
def planted(cache):
    """A study whose single-task models learned by curvature 6, in 16 steps of 8 rows."""
    tasks = tuple(f"t{k}" for k in range(8))
    losses = loss_table(8, 5)
    study = write_study(
        cache,
        tasks=tasks,
        per_token=losses.per_token,
        per_sequence=losses.per_sequence,
        curves=curves_of(losses, 6.0, 16).assign(learning_rate=1e-3),
    )
    return replace(study, plan={"training": {"steps": 16, "batch": 8}})


def runs_of(study, truth, arms=7, noise=0.005, rows=512, prefix="arm"):
    """Runs with two seeds each of random mixtures whose losses are those of ``truth``."""
    rng, found = np.random.default_rng(7), []
    mixtures = {"uniform": np.full(8, 1 / 8)}
    mixtures |= {f"{prefix}-{k}": rng.dirichlet(np.full(8, 0.7)) for k in range(arms - 1)}
    for arm, p in mixtures.items():
        for seed in range(2):
            loss = truth.loss(p, rows) + noise * rng.normal(size=8)
            for task, n, x in zip(study.names, rows * p, loss, strict=True):
                found.append((arm, seed, rows, task, n, x))
    return pd.DataFrame(found, columns=["arm", "seed", "budget", "task", "n_rows", "loss"])


CARD = {"folder": "0" * 12}


def test_a_planted_truth_is_ranked_and_another_is_not(planted):
    truth = Forecast(store.losses(planted), 6.0, ROWS)
    told = foresight(planted, CARD, runs_of(planted, truth))
    assert (told.measure, told.finished, told.rows) == ("loss", True, 512)
    assert told.correlation > 0.9
    assert told.reliable
    assert told.predicted == pytest.approx(told.realised, abs=0.05)
    turned = runs_of(planted, truth).assign(loss=lambda runs: -runs["loss"])
    assert not foresight(planted, CARD, turned).reliable


def test_only_arms_of_one_budget_are_ranked(planted):
    truth = Forecast(store.losses(planted), 6.0, ROWS)
    full = runs_of(planted, truth)
    more = runs_of(planted, truth, arms=4, rows=1536).assign(arm=lambda r: r["arm"] + "-1536")
    told = foresight(planted, CARD, pd.concat([full, more]))
    assert set(told.arms) == set(full["arm"])
    named = {**CARD, "protocol": {"budget": 1536}}
    assert set(foresight(planted, named, pd.concat([full, more])).arms) == set(more["arm"])


def test_nothing_is_ranked_where_something_is_missing(planted):
    runs = runs_of(planted, Forecast(store.losses(planted), 6.0, ROWS))
    assert foresight(planted, CARD, runs[runs["arm"].isin(["uniform", "arm-0"])]) is None
    assert foresight(planted, CARD, runs[runs["task"] != "t0"]) is None
    assert foresight(planted, CARD, runs.iloc[1:]) is None
    for column in ("loss", "n_rows", "budget"):
        assert foresight(planted, CARD, runs.assign(**{column: np.nan})) is None
    assert forecast(replace(planted, kind="served")) is None


def test_runs_that_are_not_all_there_are_no_ground_for_advice(planted):
    runs = runs_of(planted, Forecast(store.losses(planted), 6.0, ROWS))
    card = {**CARD, "planned": {"arms": sorted(set(runs["arm"])), "seeds": [0, 1, 2]}}
    told = foresight(planted, card, runs)
    assert told.correlation > 0.9
    assert not told.finished
    assert not told.reliable


def keep(study, stage, truth, arms=6):
    """Keep a skill-judged campaign of random mixtures; ``truth`` (p) -> (n,) shares kept."""
    rng = np.random.default_rng(3)
    n = len(study.names)
    mixtures = {"uniform": np.full(n, 1 / n)}
    mixtures |= {f"arm-{k}": rng.dirichlet(np.full(n, 0.4)) for k in range(arms - 1)}
    asked = protocol(
        study=study.slug,
        stage=stage,
        skills="families",
        held_out=[],
        budget=512,
        training=load_protocol("skills-screening-starter").training.model_dump(),
        arms=[
            {"name": a, "weights": dict(zip(study.names, p.tolist(), strict=True))}
            for a, p in mixtures.items()
        ],
    )
    rows = [(t, k, x, 0.0, 16) for t in study.names for k, x in ((-1, 3.0), (0, 1.0))]
    columns = ["task", "replicate", "loss", "accuracy", "n_rows"]
    keep_reference(study, asked, pd.DataFrame(rows, columns=columns))
    for arm in asked.arms:
        p = mixtures[arm.name]
        for seed in asked.seeds:
            frame = pd.DataFrame({"task": study.names, "n_rows": 512 * p, "accuracy": 0.0})
            frame = frame.assign(arm=arm.name, seed=seed, budget=512, in_mixture=p > 0)
            frame = frame.assign(steps=64, n_tokens=512 * p, loss=3.0 - 2.0 * truth(p))
            keep_run(study, asked, arm, frame)


def test_advice_is_given_where_every_finished_campaign_ranked(cache):
    study = committed_copy(cache, "starter")
    told, even = forecast(study), np.full(26, 1 / 26)
    assert adviser(study) is None
    keep(study, "screening", lambda p: told.kept(p, 512))
    found = adviser(study)
    assert found.correlation == pytest.approx(1)
    assert found.p < 0.01
    assert found.predicted == pytest.approx(found.realised, abs=1e-6)
    assert found.advice(even) == ""
    alone = np.eye(26)[0]
    less = found.expected(even) - found.expected(alone)
    assert f"keeps {100 * less:.1f} points less than uniform after 512 rows" in found.advice(alone)
    assert "off by 0.0 points on average" in found.advice(alone)
    keep(study, "confirmation", lambda p: 1 - 0.5 * told.kept(p, 512))
    assert adviser(study) is None


def test_four_mixtures_neither_allow_nor_forbid_advice(cache):
    study = committed_copy(cache, "starter")
    told = forecast(study)
    keep(study, "confirmation", lambda p: 1 - 0.5 * told.kept(p, 512), arms=4)
    assert adviser(study) is None
    keep(study, "screening", lambda p: told.kept(p, 512))
    assert len(adviser(study).arms) == 6
