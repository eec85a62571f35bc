"""The Mixture page says what repeats, whose paths are to be replaced, and which versions fit."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pages.ui.mixture import exactness
from pages.ui.url_state import LARGEST_BUDGET
from taskpgm_core.exports import EXPORTERS
from taskpgm_core.store import import_matrix
from tests.support.app import open_page

TINY = Path(__file__).parents[1] / "exports" / "tiny"


@pytest.fixture
def tiny(cache):
    return import_matrix(
        TINY / "matrix.csv", kind="similarity", tasks=TINY / "tasks.csv", name="tiny"
    )


def test_a_task_repeated_hundreds_of_times_is_said_once(tiny):
    at = open_page("mixture", budget="100000")
    alarms = [w.value for w in at.warning if "417 times" in w.value]
    assert len(alarms) == 1
    assert all("A limit of 4 epochs would move 24.8% of the budget" in alarm for alarm in alarms)
    assert any("replace these paths" in w.value for w in at.warning)
    assert not any("times" in w.value for w in open_page("mixture", budget="2000").warning)


def test_the_panel_names_the_versions(tiny):
    at = open_page("mixture", budget="200")
    for name in ("axolotl", "trl"):
        at.selectbox(key="pick-trainer").set_value(name).run()
        versions = EXPORTERS[name].versions
        (told,) = (c.value for c in at.caption if "Checked against" in c.value)
        assert f"needs at least {versions.at_least}" in told
        assert "off a share" in told


@pytest.fixture
def unsized(cache, tmp_path):
    """An import of 60 tasks that knows no row count."""
    S = np.random.default_rng(0).uniform(0, 1, (60, 60))
    np.savetxt(tmp_path / "unsized.csv", (S + S.T) / 2 + 8 * np.eye(60), delimiter=",")
    return import_matrix(tmp_path / "unsized.csv", kind="similarity", name="unsized")


@pytest.mark.parametrize("trainer", ["datasets", "trl", "openrlhf"])
def test_tasks_without_rows_are_one_box_and_named_below(unsized, trainer):
    at = open_page("mixture", study="unsized")
    at.selectbox(key="pick-trainer").set_value(trainer).run()
    (box,) = at.warning
    assert "Training may end before the budget does\\: 60 tasks have no row count." in box.value
    (folded,) = (e for e in at.expander if e.label == "All 60 warnings")
    assert folded.markdown[0].value.count("are unknown") == 60


def test_the_budget_table_has_no_column_of_unknowns_and_names_leave_numbers_room(unsized, tiny):
    for study, shown in (("unsized", ["task", "share", "rows"]), ("tiny", None)):
        table = open_page("mixture", study=study, budget="200").dataframe[0]
        known = table.value.dropna(axis="columns", how="all")
        assert list(table.proto.column_order) == list(known)
        assert shown in (None, list(known))
        looks = json.loads(table.proto.columns)
        assert [name for name, look in looks.items() if look.get("width")] == ["task"]


@pytest.mark.parametrize("budget", [0, -5, 10**13])
def test_a_budget_out_of_reach_is_said_and_changes_nothing(tiny, budget):
    at = open_page("mixture", study="tiny", budget="200")
    at.number_input(key="pick-budget").set_value(budget).run()
    assert not at.exception
    (said,) = at.error
    assert f"from 1 to {LARGEST_BUDGET:,}, not {budget:,}; showing 200." in said.value
    assert at.number_input(key="pick-budget").value == 200
    assert at.dataframe[0].value["rows"].sum() == 200


def test_a_budget_far_beyond_the_rows_says_what_can_be_met(tiny):
    at = open_page("mixture", study="tiny", budget=str(10**11))
    told = " ".join(w.value for w in at.warning)
    assert re.search(r"\d{1,3}(,\d{3})+ times", " ".join(m.value for m in at.markdown))
    assert "cannot meet a budget of 100,000,000,000 rows; the largest that it can is" in told


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (0.0, "its gap is 0"),
        (1.01e-16, "proven to 2e-16"),
        (1e-16, "proven to 1e-16"),
        (9.3e-17, "proven to 1e-16"),
    ],
)
def test_the_certificate_is_one_line_that_promises_no_more_than_the_gap(gap, words):
    assert exactness(SimpleNamespace(gap=gap)) == f"Exact: {words}"
