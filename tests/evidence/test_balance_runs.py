"""The runs that stand on the dial's axis are the finished runs, where their protocol puts them."""

from math import inf

import numpy as np
import pytest

from taskpgm_core.analysis.question import Question
from taskpgm_core.evidence.balance_runs import balance_runs
from taskpgm_core.store import evidence
from tests.support.kept_runs import committed_copy, keep_runs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "placed"),
    [
        (Question("jsd", resolution=inf), {0.8}),  # the one at 0.3 had limits
        (Question("jsd"), set()),
        (Question("jsd", anchor="proportional"), {1.0}),
        (Question("pmi", resolution=inf), set()),
    ],
)
def test_runs_stand_where_their_protocol_puts_them(cache, asked, placed):
    study = committed_copy(cache, "starter")
    keep_runs(study, "confirmation-starter")
    found = balance_runs(study, asked)
    assert {run.balance for run in found.mixtures if run.balance is not None} == placed
    [(card, runs)] = evidence(study)
    means = runs[runs["task"].isin(study.names)].groupby("arm")["loss"].mean()
    differences = sorted(round(x - means["uniform"], 9) for x in means.drop("uniform"))
    assert sorted(round(run.difference, 9) for run in found.mixtures) == pytest.approx(differences)
    for run in found.mixtures:
        assert run.low < run.difference < run.high
    assert card["stage"] in found.about
    assert "5 seeds" in found.about


def test_a_study_without_finished_runs_has_nothing_on_its_axis(cache):
    from tests.support.synthetic_study import write_study

    assert balance_runs(write_study(cache), Question("jsd")) is None


@pytest.mark.slow
def test_a_folder_with_runs_on_the_axis_comes_before_one_without(cache):
    study = committed_copy(cache, "bigbench")
    keep_runs(study, "confirmation-bigbench")
    keep_runs(study, "screening-bigbench")
    cards = {card["folder"]: card for card, _ in evidence(study)}
    assert len(cards) == 2
    found = balance_runs(
        study, Question("pmi", resolution=inf)
    )  # only the screening trained a mixture by PMI
    assert "screening" in found.about
    assert np.isfinite([run.difference for run in found.mixtures]).all()
