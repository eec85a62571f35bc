"""Equal supervised tokens instead of equal rows: drawn in whole batches, and seen beside losses."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.evidence.arms import arm_titles
from taskpgm_core.evidence.campaign import campaign
from taskpgm_core.evidence.sampling import mixture_rows, token_rows
from taskpgm_core.figures.evidence import tokens_figure
from tests.support.protocols import protocol
from tests.support.tiny_model import tiny_plan


def spent(drawn, tokens):
    return sum(tokens[task][row] for task, row in drawn)


@settings(deadline=None, max_examples=40)
@given(
    weights=st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any),
    lengths=st.lists(st.integers(1, 30), min_size=3, max_size=3),
    budget=st.integers(1, 900),
    batch=st.integers(1, 8),
    seed=st.integers(0, 3),
)
def test_rows_are_the_mixtures_and_their_last_batch_reaches_the_budget(
    weights, lengths, budget, batch, seed
):
    rng = np.random.default_rng(seed)
    tokens = {
        t: {r: int(rng.integers(1, n + 1)) for r in range(20 + n)}
        for t, n in zip("abc", lengths, strict=True)
    }
    p = np.array(weights) / sum(weights)
    available = {t: list(rows) for t, rows in tokens.items()}
    drawn = token_rows(p, tokens, budget, batch, seed)
    assert len(drawn) % batch == 0
    assert drawn == mixture_rows(p, available, len(drawn), seed)
    assert spent(drawn, tokens) >= budget
    if len(drawn) > batch:
        assert spent(mixture_rows(p, available, len(drawn) - batch, seed), tokens) < budget


def test_arms_of_one_token_budget_train_on_as_many_tokens(tiny_study, tiny_base):
    plan = tiny_plan(tiny_base)
    arms = [{"name": "uniform", "baseline": "uniform"}, {"name": "jsd-0.5", "balance": 0.5}]
    chosen = protocol(budget_tokens=150, seeds=[0], arms=arms)
    assert campaign(chosen, tiny_study, plan, threads=1) == 2
    ((card, runs),) = store.evidence(tiny_study)
    assert card["protocol"]["budget_tokens"] == 150
    for _, run in runs.groupby("arm"):
        assert 150 <= run["n_tokens"].sum() < 150 + 4 * 30
        assert (run["budget"] == run["n_rows"].sum()).all()
        assert (run["steps"] * 4 == run["budget"]).all()


def test_the_digest_knows_the_budget_that_counts_and_no_other():
    rows, tokens = protocol(), protocol(budget_tokens=150)
    assert rows.digest("study") == protocol(budget_tokens=None).digest("study")
    assert rows.digest("study") != tokens.digest("study")
    assert tokens.digest("study") == protocol(budget_tokens=150, budget=8).digest("study")
    assert tokens.digest("study") != protocol(budget_tokens=151).digest("study")


def test_the_figure_marks_every_arm_at_its_tokens():
    (trace,) = tokens_figure(["a", "b"], [1200.4, 5069.0], [1.5, 1.25]).data
    assert list(trace.x) == [1200.4, 5069.0]
    assert list(trace.y) == [1.5, 1.25]
    assert list(trace.customdata) == ["a", "b"]


def test_the_page_draws_losses_by_tokens_where_tokens_differ():
    from tests.support.app import open_page

    at = open_page("evidence", study="bigbench")
    known = [runs for card, runs in store.evidence(store.open_study("bigbench"))]
    at.selectbox(key="evidence-folder").select_index(len(known) - 1).run()
    at.session_state["evidence-tasks"] = "tasks of the study"
    at.run()
    runs = known[-1]
    titles = arm_titles(store.evidence(store.open_study("bigbench"))[-1][0]["arms"], runs["arm"])
    expected = runs.groupby(["arm", "seed"])["n_tokens"].sum().groupby("arm").mean().rename(titles)
    (shown,) = [
        table.value.set_index("mixture") for table in at.dataframe if "tokens" in table.value
    ]
    assert shown["tokens"].to_dict() == expected.to_dict()
    drawn = [json.loads(c.proto.spec) for c in at.get("plotly_chart")]
    (points,) = [
        d["data"][0] for d in drawn if "tokens" in d["layout"]["xaxis"]["title"].get("text", "")
    ]
    assert points["customdata"] == list(shown.index)
    assert points["x"] == pytest.approx([expected[a] for a in shown.index], abs=0.1)
