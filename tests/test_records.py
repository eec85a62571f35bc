"""Records: how people read a measure."""

import numpy as np
import pytest

from taskpgm_core.errors import StoreError
from taskpgm_core.figures.similarity import matrix_figure
from taskpgm_core.findings.graph import neighbour_finding
from taskpgm_core.findings.similarity import block_finding, pair_finding
from taskpgm_core.records import Similarity
from taskpgm_core.similarity_measures import KERNEL, MEASURES, Measure

NAMES = ("a", "b", "c")
D = np.array([[0.0, 0.1, 0.4], [0.1, 0.0, 0.3], [0.4, 0.3, 0.0]])


@pytest.fixture
def unitless(monkeypatch):
    """A divergence without a unit: such measures need one line in the table and no other."""
    monkeypatch.setitem(MEASURES, "new", Measure("New", "Distance", "", is_divergence=True, most=1))
    return "new"


@pytest.mark.parametrize("name", MEASURES)
def test_what_is_shown_reads_back_as_s(name):
    similarity = Similarity(NAMES, -D, name)
    assert (similarity.reading.shown(similarity.shown) == similarity.matrix).all()
    assert (similarity.shown >= 0).all() == similarity.is_divergence
    most = similarity.reading.most
    assert similarity.is_divergence or most is None or name == KERNEL


def test_jsd_is_read_in_nats_and_the_others_as_s():
    jsd = Similarity(NAMES, -D, "jsd")
    assert (jsd.unit, jsd.reading.label) == ("nats", "nats")
    assert jsd.reading.most == np.log(2)
    assert jsd.reading.axis == "Mean Jensen-Shannon divergence, nats"
    assert block_finding(jsd) == (
        "a and b are most alike, 0.100 nats; the pair in the middle has 0.300 nats"
    )
    assert pair_finding(NAMES, (0, 1), 0.1, 0.05, jsd.reading) == (
        "a and b are 0.100 nats apart, 2.0 times the largest noise measured"
    )
    for name in ("pmi", "pmi-token", "given"):
        S = Similarity(NAMES, -D, name)
        assert (S.unit, S.reading.label, S.reading.axis) == ("", "S", "Similarity S")
        assert block_finding(S) == (
            "a and b are most alike, S = -0.100; the pair in the middle has S = -0.300"
        )
        assert pair_finding(NAMES, (0, 1), -0.1, 0.0, S.reading) == "a and b: similarity -0.100"


def test_a_divergence_without_a_unit_is_read_as_d(unitless):
    S = Similarity(NAMES, -D, unitless)
    assert block_finding(S) == "a and b are most alike, 0.100; the pair in the middle has 0.300"
    assert neighbour_finding(NAMES, 0, [1, 2], S.shown[0], S.reading) == (
        "The task most like a is b: 0.100, against 0.250 for the task in the middle"
    )
    alike = Similarity(NAMES, np.array([[0, -1, -1], [-1, 0, -2], [-1, -2, 0.0]]), unitless)
    assert block_finding(alike).startswith("a and b and 1 more pair are most alike, 1.000;")
    assert neighbour_finding(NAMES, 0, [1, 2], alike.shown[0], alike.reading).startswith(
        "The tasks most like a are b and 1 more: 1.000,"
    )
    figure = matrix_figure(S, range(3))
    assert figure.data[0].colorbar.title.text == "D"
    assert float(figure.data[0].z[2][0]) == pytest.approx(0.4)


def test_a_measure_that_there_is_not_is_refused():
    with pytest.raises(StoreError, match="no measure 'cosine'"):
        Similarity(("a", "b"), np.eye(2), "cosine")
