"""The Mixture page says what repeats, whose paths are to be replaced, and which versions fit."""

from pathlib import Path

import pytest

from taskpgm_core.exports import EXPORTERS
from taskpgm_core.store import import_matrix
from tests.support.app import open_page

TINY = Path(__file__).parents[1] / "exports" / "tiny"


@pytest.fixture
def tiny(cache):
    return import_matrix(
        TINY / "matrix.csv", kind="similarity", tasks=TINY / "tasks.csv", name="tiny"
    )


def test_a_task_repeated_hundreds_of_times_is_said_beside_the_counts_and_the_recipe(tiny):
    at = open_page("mixture", budget="100000")
    alarms = [w.value for w in at.warning if "417 times" in w.value]
    assert len(alarms) == 2
    assert all("max-epochs 4 would move 24.8% of the budget" in alarm for alarm in alarms)
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
