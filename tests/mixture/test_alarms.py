"""Each alarm is raised by the mixture that deserves it, and not by its sound neighbour."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.analysis.study_alarms import study_alarms
from taskpgm_core.cli.main import main
from taskpgm_core.mixture import pose, solve
from taskpgm_core.mixture.alarms import alarms, instability
from taskpgm_core.mixture.uncertainty import uncertainty
from taskpgm_core.records import Similarity, read_only


def similarity(S, measure="jsd"):
    S = np.asarray(S, dtype=float)
    return Similarity(tuple(f"t{i}" for i in range(len(S))), read_only(S), measure)


def apart(n=6, seed=0):
    """-D for points on a line: convex on the simplex, tasks of different representativeness."""
    x = np.random.default_rng(seed).uniform(0, 1, n)
    return -np.abs(x[:, None] - x[None, :])


def names(S, balance=1.2, **known):
    problem = pose(similarity(S))
    return {a.name: a for a in alarms(problem, solve(problem, balance), **known)}


def test_all_is_well():
    assert names(apart(), balance=0.999, noise_floor=0.01) == {}


def test_equal_rows_have_nothing_to_say():
    ring = np.array([[-min((i - j) % 6, (j - i) % 6) for j in range(6)] for i in range(6)])
    assert names(ring)["nothing-to-say"].level == "warning"
    assert "nothing-to-say" not in names(apart())


@pytest.mark.parametrize(("share", "raised"), [(0.4, False), (0.6, True)])
def test_differences_are_held_against_the_noise(share, raised):
    S = apart()
    off = S[np.triu_indices(6, 1)]
    found = names(S, noise_floor=share * np.ptp(off))
    assert ("within-noise" in found) == raised
    if raised:
        assert found["within-noise"].number == pytest.approx(1 / share)


def test_a_shift_is_said_with_its_size():
    S = np.array([[0.0, 1, 0], [1, 0, 0.2], [0, 0.2, 0]])
    problem = pose(similarity(S))
    found = names(S)["not-convex"]
    assert found.number == problem.convexity.shift > problem.convexity.shift_floor > 0
    assert "not-convex" not in names(apart())


RING = [[0.0, 2, -1, 2], [2, 0, 2, -1], [-1, 2, 0, 2], [2, -1, 2, 0]]
BOWL = [[-10.0, 0, 0], [0, 1, 0], [0, 0, 1]]
ANCHOR = [0.85, 0.05, 0.05, 0.05]
TIED = 0.5 * np.eye(4) - np.abs(np.subtract.outer([0, 1, 0, 1], [0, 1, 0, 1]))


@pytest.mark.parametrize(
    ("S", "balance", "limits", "name", "said", "unsaid"),
    [
        (RING, 2.0, {}, "nothing-to-say", "no change of the balance moves", "only a pull"),
        (RING, 2.0, {"anchor": ANCHOR}, "not-convex", "the anchor until only one is", "even"),
        (RING, 0.0, {"anchor": ANCHOR}, "not-convex", "an even split until", "the anchor"),
        (BOWL, 1.0, {"margin": 0.0}, "not-convex", "as good as one another", "only one"),
        (BOWL, 0.0, {}, "corner", "floors of others or a cap on it spread", "lower balance"),
        (np.eye(3), 1.0, {"pin": {"t0": 0.9}}, "corner", "its floor or pin", "spread"),
        (TIED, np.inf, {}, "closed-form-invalid", "divides by lambda, which is 0", "singular"),
    ],
)
def test_a_sentence_is_true_of_its_own_case(S, balance, limits, name, said, unsaid):
    problem = pose(similarity(S), **limits)
    (alarm,) = (a for a in alarms(problem, solve(problem, balance)) if a.name == name)
    assert said in alarm.sentence
    assert unsaid not in alarm.sentence


def test_a_small_share_between_the_bounds_reads_as_a_sentence():
    problem = pose(similarity(apart()))
    found = replace(solve(problem, 0.9), support=())
    (alarm,) = (a for a in alarms(problem, found, upper=problem.similarity))
    assert "between these less than 0.1% of the budget moves" in alarm.sentence


def test_a_corner_is_said():
    assert names(apart(5), balance=1e6)["corner"].number < 2
    assert "corner" not in names(apart(), balance=1.0)


@pytest.mark.parametrize(("p", "raised"), [((0.4, 0.6, 0, 0), False), ((0.81, 0.19, 0, 0), True)])
def test_two_tasks_of_four_are_not_one(p, raised):
    problem = pose(similarity(np.eye(4)))
    found = alarms(problem, replace(solve(problem, 1.0), p=read_only(p)))
    said = [alarm.sentence for alarm in found if alarm.name == "corner"]
    assert bool(said) == raised
    assert all(s.startswith("81% of the mixture goes to one task, 't0'") for s in said)


def test_where_the_closed_form_fails_is_a_note_and_comes_last():
    problem = pose(similarity(apart(5)))
    raised = alarms(problem, solve(problem, 1e6))
    assert [a.name for a in raised] == ["corner", "closed-form-invalid"]
    assert [a.level for a in raised] == ["warning", "note"]
    assert raised[-1].number == 5 - np.count_nonzero(solve(problem, 1e6).p)
    assert "4 of 5 tasks have no weight" in raised[-1].sentence
    same = names(np.full((3, 3), 0.5))["closed-form-invalid"]
    assert "singular" in same.sentence
    problem = pose(similarity(apart()), caps=1 / 6 + 1e-4)
    capped = {a.name: a for a in alarms(problem, solve(problem, 0.99))}["closed-form-invalid"]
    assert "no limits" in capped.sentence


def test_other_minimisers_are_said():
    twin = [[1.0, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert "not-unique" in names(twin, balance=0.5)
    assert "not-unique" not in names(np.eye(3) + 0.1 * apart(3), balance=0.5)


def test_a_mixture_that_jumps_is_said():
    """Two nearly identical tasks, of which one is slightly more representative."""
    S = np.eye(3)
    S[0, 1] = S[1, 0] = 0.9999
    S[0, 2] = S[2, 0] = 0.1
    problem = pose(similarity(S))
    steps = [np.abs(solve(problem, r).p - solve(problem, 1.0).p).sum() / 2 for r in (0.99, 1.01)]
    found = names(S, balance=1.0)["jumpy"]
    assert found.level == "note"
    assert max(steps) == pytest.approx(found.number)
    assert f"up to {max(steps):.1%} of the budget" in found.sentence
    assert "jumpy" not in names(np.eye(3) + 0.1 * apart(3))
    gone = solve(problem, 2.0)
    assert not gone.closed_form_valid  # a task has left, and what is left moves no more
    assert "jumpy" not in names(S, balance=2.0)


def test_alarms_are_in_plain_words():
    """Symbols and distances of matrices stand in the certificate, not in what a person is told."""
    S = np.array([[0.0, 1, 1], [1, 0.2, 0], [1, 0, 0.1]])
    said = {a.name: a.sentence for a in names(S, balance=0.5).values()}
    assert "pulled towards the anchor" in said["not-convex"]
    twin = names([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]], balance=0.5)
    said["not-unique"] = twin["not-unique"].sentence
    for sentence in said.values():
        assert not any(word in sentence for word in ("L1", "diagonal", "convex", " S,", "kernel"))


@pytest.mark.parametrize(("spread", "raised"), [(0.01, False), (0.6, True)])
def test_a_mixture_that_other_examples_would_change_is_said(spread, raised):
    S = apart()
    noise = spread * np.random.default_rng(1).normal(size=(60, 6, 6))
    noise = noise + noise.transpose(0, 2, 1)
    noise[:, np.arange(6), np.arange(6)] = 0
    problem = pose(similarity(S))
    sure = uncertainty(problem, 1.5, S + noise)
    said = instability(sure)
    assert bool(said) == raised
    assert ("unstable" in names(S, 1.5, sure=sure)) == raised
    for alarm in said:
        assert alarm.number == pytest.approx(np.quantile(sure.distance, 0.9) / 2)
        moved = np.abs(solve(pose(similarity(S + noise[0])), 1.5).p - sure.weight).sum()
        assert sure.distance[0] == pytest.approx(moved)


def test_only_divergences_are_held_against_the_noise_floor(monkeypatch):
    study = store.open_study("starter")
    heard = []
    monkeypatch.setattr(
        "taskpgm_core.analysis.study_alarms.alarms", lambda *a, **known: heard.append(known) or ()
    )
    for measure in ("jsd", "pmi"):
        posed = pose_question(study, Question(measure))
        study_alarms(study, posed, posed.solution(), "not drawn")
    assert [known["noise_floor"] for known in heard] == [store.noise(study).floor, None]
    assert [known["measured"].measure for known in heard] == ["jsd", "pmi"]
    assert [(known["sure"], known["upper"]) for known in heard] == [(None, None)] * 2


def test_solve_says_that_pmi_far_from_balance_1_is_unstable(capsys):
    ask = ["solve", "bigbench", "--measure", "pmi", "--balance", "10"]
    assert main([*ask, "--json"]) == 0
    raised = {a["name"]: a for a in json.loads(capsys.readouterr().out)["alarms"]}
    assert raised["unstable"]["number"] > 0.2
    assert raised["closed-form-invalid"]["level"] == "note"
    assert main(ask) == 0
    said = capsys.readouterr()
    assert f"Warning: {raised['unstable']['sentence']}" in said.err
    assert raised["closed-form-invalid"]["sentence"] in said.out


def test_a_slope_that_bounds_stop_at_once_is_no_jump():
    """One of two copies among twenty tasks can only lose its own share."""
    X = np.eye(20)
    X[1] = np.sqrt(1 - 1e-8) * X[0] + 1e-4 * X[2]
    problem = pose(similarity(X @ X.T))
    assert problem.convexity.jumpiness * 0.01 / 2 > 1  # more than the whole budget, if it went on
    moved = np.abs(solve(problem, 1.01).p - solve(problem, 1.0).p).sum() / 2
    assert moved == pytest.approx(0.05, abs=0.01)
    assert all(
        a.number == pytest.approx(moved)
        for a in alarms(problem, solve(problem, 1.0))
        if a.name == "jumpy"
    )


@given(st.integers(0, 10_000), st.floats(0, 3), st.integers(3, 9))
@settings(max_examples=40, deadline=None)
def test_shares_that_alarms_speak_of_are_shares(seed, balance, n):
    draw = np.random.default_rng(seed).normal(size=(n, 2))
    d = ((draw[:, None] - draw) ** 2).sum(-1)
    problem = pose(similarity(np.exp(-d / d.max() * 10.0 ** (seed % 3))))
    for alarm in alarms(problem, solve(problem, balance)):
        for share in re.findall(r"([\d.]+)%", alarm.sentence):
            assert 0 <= float(share) <= 100
        if alarm.name == "closed-form-invalid" and "weight" in alarm.sentence:
            assert f"{np.sum(solve(problem, balance).p == 0)} of {n}" in alarm.sentence
