"""The Evidence page's charts and sentences, tested as data."""

import numpy as np
import pytest

from taskpgm_core.figures.evidence import FAR, arms_figure, foresight_figure, task_gains_figure
from taskpgm_core.figures.rows_saved import CurveMark, Estimate, estimates_figure, rows_saved_figure
from taskpgm_core.findings.evidence import (
    advice_finding,
    arms_finding,
    foresight_finding,
    foresight_reading,
)
from taskpgm_core.findings.recommendation import rows_words

ARMS = ["a", "b", "c", "d"]


def drawn(difference, low, high, sure=(True,) * 4, **options):
    return arms_figure(ARMS, difference, low, high, sure, reference="uniform", **options)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_arm_far_out_is_an_arrow_that_leaves_the_others_room(sign):
    difference = sign * np.array([-0.03, 0.01, 0.1, 1.5])
    low, high = difference - 0.05, difference + 0.05
    figure = drawn(difference, low, high)
    near, far = figure.data
    assert list(near.x) == pytest.approx(difference[:3])
    assert list(near.y) == ARMS[:3]
    assert np.array(near.x) + near.error_x.array == pytest.approx(high[:3])
    assert np.array(near.x) - near.error_x.arrayminus == pytest.approx(low[:3])
    assert list(far.y) == ["d"]
    assert far.marker.symbol == ("triangle-right" if sign > 0 else "triangle-left",)
    said = f"{1.5 * sign:+.2f} ({low[3]:+.2f} to {high[3]:+.2f})"
    assert far.text == (said.replace("-", "−"),)
    assert far.customdata[0][3] == 1.5 * sign
    left, right = figure.layout.xaxis.range
    assert left < far.x[0] < right
    assert left < low[:3].min() < high[:3].max() < right
    assert (right - left) * FAR < 1.5 * 2
    assert list(figure.layout.yaxis.categoryarray) == ARMS


def test_arms_alike_are_all_drawn_where_they_are_and_marked_where_they_are_sure():
    numbers = [-0.2, 0.1, 0.3, 0.2], [-0.3, -0.1, 0.2, 0.1], [-0.1, 0.3, 0.4, 0.3]
    sure = [True, False, True, False]
    (trace,) = drawn(*numbers, sure).data
    assert trace.marker.symbol == ("diamond", "circle", "square", "circle")
    (turned,) = drawn(*numbers, sure, better="right").data
    assert turned.marker.symbol == ("square", "circle", "diamond", "circle")


def test_forecasts_are_drawn_by_place_and_tell_the_losses():
    figure = foresight_figure(ARMS, [0.4, 0.1, 0.3, 0.2], [4.0, 1.0, 2.0, 2.0])
    marks = figure.data[1]
    assert list(marks.x) == [4, 1, 3, 2]
    assert list(marks.y) == [4, 1, 2.5, 2.5]
    assert list(marks.text) == ARMS
    assert list(marks.customdata[0]) == ["a", 0.4, 4.0]
    assert "4.000 nats a token" in marks.hovertemplate.replace("%{customdata[2]:.3f}", "4.000")
    shares = foresight_figure(ARMS, [0.4, 0.1, 0.3, 0.2], [0.9, 0.6, 0.8, 0.7], share=True)
    assert list(shares.data[1].x) == list(shares.data[1].y) == [1, 4, 2, 3]
    assert "measured %{customdata[2]:.1%}" in shares.data[1].hovertemplate


def test_ticks_say_what_they_stand_at_and_zero_has_no_sign():
    for scale in (0.01, 1.0, 40.0):
        figures = (
            drawn(scale * np.array([0.2, -0.1, 0.05, 0.1]), [None] * 4, [None] * 4),
            task_gains_figure({"a": -0.3 * scale, "b": 0.2 * scale}),
        )
        for figure in figures:
            axis = figure.layout.xaxis
            for value, text in zip(axis.tickvals, axis.ticktext, strict=True):
                assert float(text.replace("−", "-")) == pytest.approx(value, abs=1e-9)
                assert text.strip("+−") != "0" or text == "0"
    assert task_gains_figure({"a": 0.0}).layout.xaxis.ticktext == ("0",)


def test_findings_say_who_is_sure_and_nothing_of_the_rest():
    assert arms_finding({}, {}, "uniform") == "No mixture is surely better or worse than uniform"
    said = arms_finding({}, {"best-single": -0.951}, "uniform")
    assert said == "No mixture surely beats uniform; best-single (−0.951) loses to it"
    said = arms_finding({"a": -0.1, "b": -0.2}, {"c": 0.3, "d": 1}, "x")
    assert said == "a (−0.100) and b (−0.200) beat x; c (+0.300) and d (+1.000) lose to it"
    assert arms_finding({"a": -0.1}, {}, "x") == "a (−0.100) beats x"
    said = arms_finding({}, {"c": 0.3}, "x", waiting={"a": -0.1})
    assert said.startswith("a (−0.100) is ahead of x, which counts if an earlier hypothesis holds")
    assert said.endswith("; c (+0.300) loses to it")


def test_a_forecast_is_said_to_rank_only_where_it_did():
    def said(arms, correlation, p, reliable=False, finished=True):
        return foresight_finding(arms, correlation, p, reliable=reliable, finished=finished)

    assert said(9, 0.9, 0.01, True) == (
        "The forecast ranks the 9 mixtures (rank correlation 0.90, p 0.010)"
    )
    assert said(9, -0.38, 0.35).startswith("The forecast does not rank the 9 mixtures (rank cor")
    assert "−0.38, p 0.350" in said(9, -0.38, 0.35)
    assert said(4, 1.0, 0.083).startswith("4 mixtures are too few to tell")
    assert said(9, 0.9, 0.01, finished=False).startswith("The forecast is judged when all runs")
    assert foresight_reading([0.78, 0.84], [0.86, 0.92], "kept") == (
        "Share kept: predicted 78.0% to 84.0%, measured 86.0% to 92.0%."
    )
    assert "predicted 0.100 to 0.200" in foresight_reading([0.1, 0.2], [0.3, 0.4], "loss")


def test_advice_says_how_far_its_forecasts_were_off():
    told = advice_finding(-0.012, 1512, 9, 0.8, 0.0136, 0.0104)
    assert "keeps 1.2 points less than uniform after 1,512 rows" in told
    assert "off by 1.0 points on average" in told
    assert "(rank correlation 0.80, p 0.014)" in told
    assert "0.3 points more than" in advice_finding(0.003, 512, 9, 0.8, 0.01, 0.01)
    assert "as much as uniform, to 0.1 points" in advice_finding(-0.0004, 512, 9, 0.8, 0.01, 0.01)


def test_rows_saved_hold_their_curve_and_name_the_arm_that_decides():
    curve = [(0.5, 0.85), (1.0, 0.9), (2.0, 0.95)]
    far = rows_words(2.0, ">", 2.0, 2.0)
    marks = [
        CurveMark("one", 0.93, 1.5, 1.2, 1.9, "as much"),
        CurveMark("two", 0.88, 2.0, 2.0, 2.0, far),
    ]
    figure = rows_saved_figure(curve, marks, shown="one", budget=512)
    line, others, shown = figure.data
    assert list(line.x) == [0.5, 1.0, 2.0]
    assert list(line.y) == pytest.approx([85, 90, 95])
    assert (list(others.x), others.text) == ([2.0], None)
    assert list(others.customdata) == ["two keeps<br>more than uniform does of 2 times the rows"]
    assert (list(shown.x), list(shown.text)) == ([1.5], ["one"])
    assert list(shown.error_x.array) == pytest.approx([0.4])
    assert list(shown.error_x.arrayminus) == pytest.approx([0.3])


def test_estimates_hold_their_means_and_intervals():
    one = [Estimate("a", 512, 2.0, 1.0, 3.5, 5), Estimate("a", 1536, 1.0, None, None, 1)]
    figure = estimates_figure([one], axis="rows")
    [line] = figure.data
    assert list(line.y) == [2.0, 1.0]
    assert list(line.error_y.array) == [1.5, 0.0]
    assert list(line.error_y.arrayminus) == [1.0, 0.0]
    assert list(figure.layout.xaxis.ticktext) == ["512", "1,536"]
    dose = estimates_figure([[Estimate("s", 0.3, 1.0, None, None, 1)]], axis="", percent=True)
    assert list(dose.data[0].x) == [30.0]


def test_tasks_of_one_short_name_have_a_bar_each():
    gains = {f"natural_instructions_{k}_classification": 0.1 * k for k in range(3)}
    figure = task_gains_figure(gains)
    assert len(set(figure.data[0].y)) == len(set(figure.layout.yaxis.ticktext)) == 3
    assert set(figure.data[0].customdata) == set(gains)
