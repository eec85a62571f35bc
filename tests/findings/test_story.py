"""A story tells what its study has to say, and nothing else."""

import numpy as np
import pytest

from taskpgm_core.analysis.graph_layout import task_graph
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.figures.story import step_figure
from taskpgm_core.findings.recommendation import KEPT
from taskpgm_core.findings.story import story
from taskpgm_core.findings.trained_mixtures import (
    TrainedMixture,
    TrainedMixtures,
    trained_finding,
)
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.report.static_charts.svg import svg
from taskpgm_core.store import open_study

BETTER = TrainedMixture("exact at 0.3", 0.3, -0.25, -0.4, -0.1, True)
TRAINED = TrainedMixtures("loss of 3 tasks, 5 seeds", "One beats uniform", "uniform", (BETTER,))
TRAINERS = ("Axolotl", "TRL")


@pytest.fixture(scope="module")
def starter():
    return open_study("starter")


def told(study, balance, *, budget=1000, resolution="auto", **extra):
    posed = pose_question(study, Question(balance=balance, resolution=resolution))
    solution = posed.optimum()
    found = explain(posed.problem, solution, posed.path)
    counts = allocate(solution.p, study.names, budget, unit="rows")
    steps = story(posed, solution, found, task_graph(posed.similarity), allocation=counts, **extra)
    return {step.name: step for step in steps}, posed, solution


def test_every_step_is_one_sentence_with_a_picture_that_can_be_drawn(starter):
    steps, _, _ = told(starter, 0.2, trained=TRAINED, trainers=TRAINERS)
    assert list(steps) == ["collection", "mixture", "why", "training", "saves", "take"]
    for step in steps.values():
        assert step.sentence.endswith(".")
        assert ". " not in step.sentence
        assert "<svg" in svg(step_figure(step.data), label=step.sentence)


@pytest.mark.parametrize("balance", [0.1, 0.6, 3.0])
def test_the_sentences_are_true_of_the_mixture(starter, balance):
    steps, posed, solution = told(starter, balance, trained=TRAINED, trainers=TRAINERS)
    p, anchor, names = solution.p, posed.problem.anchor, starter.names
    far = int(np.abs(p - anchor).argmax())
    gets = f"{100 * p[far]:.1f}%" if p[far] > 0 else "nothing"
    assert f"{names[far]} gets {gets}, where the anchor has 3.8%" in steps["why"].sentence
    bars = dict(steps["why"].data["bars"])
    assert bars["its weight here"] == pytest.approx(p[far])
    if p[far] > 0:
        asked = bars["the anchor asks for"] + bars["diversity asks for"]
        assert asked == pytest.approx(p[far])
    grouped = [names.index(task) for group in posed.kernel.groups for task in group]
    by_files, here = len(grouped) / len(p), float(p[grouped].sum())
    assert ("saves" in steps) == (round(1000 * here) < round(1000 * by_files))
    if "saves" in steps:
        drawn = dict(steps["saves"].data["bars"])
        assert drawn == {"by files": round(1000 * by_files), "this mixture": round(1000 * here)}
    assert sum(count for _, count in steps["take"].data["bars"]) == 1000


def test_what_a_study_does_not_know_is_left_out(starter):
    steps, _, _ = told(starter, 1.0)
    assert list(steps) == ["collection", "mixture"]  # the anchor itself, nothing trained or taken
    steps, _, _ = told(starter, 0.4, resolution=np.inf, trainers=TRAINERS)
    assert list(steps) == ["collection", "mixture", "why", "take"]
    assert "skill" not in steps["why"].sentence


def test_a_run_is_told_with_its_direction_and_its_interval():
    assert trained_finding(BETTER, "uniform") == (
        "exact at 0.3: the mean loss was 0.250 nats a token lower than with uniform, surely "
        "(95% interval of the difference: −0.400 to −0.100)."
    )
    alone = TrainedMixture("best single", None, 2.5, None, None, False)
    assert "2.500 nats a token higher than with uniform; the runs are too few" in trained_finding(
        alone, "uniform"
    )


def test_a_run_that_is_no_better_is_not_called_worse():
    def said(by, kept):
        found = TrainedMixture("x", None, by, by - 0.01, by + 0.01, False, kept)
        return trained_finding(found, "uniform")

    for by in (0.0, -0.0002, 0.0002):
        assert said(by, True).startswith(f"x: it kept as much {KEPT} as uniform, to 0.1 points")
        same = "x: the mean loss was to 0.001 nats a token that with uniform"
        assert said(by, False).startswith(same) == (abs(by) < 5e-4)
