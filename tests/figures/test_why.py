"""The Why page's charts and sentences say what the explanation holds."""

import re

import numpy as np
import pytest

from taskpgm_core.figures.numbers import signed
from taskpgm_core.figures.theme import DARK, LIGHT
from taskpgm_core.figures.why import additive_split_figure, part_colours, waterfall_figure
from taskpgm_core.findings import why as findings
from taskpgm_core.mixture import Group, pose, solve
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.records import Similarity
from taskpgm_core.similarity_measures import BROUGHT_DIVERGENCE, MEASURES
from tests.support.matrices import similarity

NAMES = ("a", "<b>b</b>", "c", "d")
ANCHOR = np.array([0.3, 0.3, 0.2, 0.0])
DIVERSITY = np.array([0.2, -0.1, 0.1, 0.0])


def test_a_waterfall_ends_in_the_sum_of_its_parts():
    [bars] = waterfall_figure([("<i>x</i>", 0.5), ("y", -0.2), ("z", 0.05)], "weight").data
    assert list(bars.base) == pytest.approx([0, 50, 30, 0])
    assert list(bars.x) == pytest.approx([50, -20, 5, 35])
    assert list(bars.customdata) == pytest.approx([0.5, -0.2, 0.05, 0.35])
    assert list(bars.text) == ["+50.0", "−20.0", "+5.0", "35.0%"]
    nothing = [("x", 0.1), ("y", 0.2), ("z", -0.3)]  # sums to 5.6e-17
    assert waterfall_figure(nothing, "weight").data[0].text[-1] == "0%"
    assert signed(-1e-5) == signed(1e-5) == "+0.0%"


@pytest.mark.parametrize(
    "parts", [[("x", 0.5), ("y", -0.9)], [("x", -5.0), ("y", 5.1)], [("x", 0.0)], [("x", 1e-9)]]
)
def test_every_step_of_a_waterfall_is_in_view(parts):
    low, high = waterfall_figure(parts, "weight").layout.xaxis.range
    heights = np.cumsum([0.0, *[100 * value for _, value in parts]])
    assert low <= heights.min()
    assert high > heights.max()


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_a_part_has_one_colour_on_both_charts(palette):
    parts = [("the anchor asks", 0.3), ("diversity asks", -0.1)]
    colours = part_colours("the anchor", palette)
    [steps] = waterfall_figure(parts, "weight", colours=colours, palette=palette).data
    anchor, diversity, weight = additive_split_figure(
        NAMES, ANCHOR, DIVERSITY, palette=palette
    ).data
    assert list(steps.marker.color) == [
        anchor.marker.color,
        diversity.marker.color,
        weight.marker.color,
    ]
    assert steps.marker.line.color[-1] == weight.marker.line.color


@pytest.mark.parametrize("n", [12, 200])
def test_both_parts_can_be_computed_again(n):
    problem = pose(similarity("jsd", n, 1))
    for balance in (0.0, 0.3, 0.6, 1.0, 1.7):
        solution = solve(problem, balance)
        found = explain(problem, solution)
        inside = int((solution.p > 0).sum())
        for why in found.reasons:
            if why.weight <= 0:
                continue
            said = findings.parts_meaning(
                solution.p, 1 / n, why.anchor, why.diversity, balance, limits=False
            ).replace("−", "-")
            products = re.findall(r"([+-][\d.]+)% is .*?([-\d.]+) × ([-\d.]+)%", said)
            assert len(products) == (balance > 0) + (balance != 1)
            for part, factor, share in products:
                rounded = 0.05 if why.weight >= 0.01 else 0.005
                assert float(part) == pytest.approx(
                    float(factor) * float(share), abs=rounded * (1 + 1.02 * abs(float(factor)))
                )
            assert (f"the {inside} of {n} tasks" in said) == (balance > 0 and inside < n)
    limited = findings.parts_meaning(np.array([0.6, 0.4]), 0.5, 0.3, 0.3, 0.5, limits=True)
    assert "the same limits held" in limited


def test_the_two_parts_add_up_to_the_ring():
    anchor, diversity, weight = additive_split_figure(NAMES, ANCHOR, DIVERSITY, limit=2).data
    assert list(weight.customdata) == ["a", "c"]
    np.testing.assert_allclose(np.add(anchor.x, diversity.x), weight.x)
    assert list(weight.x) == pytest.approx([50, 30])


def test_the_chosen_task_is_always_shown_and_markup_is_text():
    figure = additive_split_figure(NAMES, ANCHOR, DIVERSITY, chosen="<b>b</b>", limit=2)
    assert list(figure.data[2].customdata) == ["a", "c", "<b>b</b>"]
    assert list(figure.layout.yaxis.ticktext) == ["a", "c", "<b>&lt;b&gt;b&lt;/b&gt;</b>"]
    assert "<b>b" not in "".join(figure.data[0].hovertemplate)


def test_sentences_follow_the_numbers():
    assert "gets nothing" in findings.weight_finding("a", 0.0, 0.0, 0.0)
    said = findings.weight_finding("a", 0.2, 0.3, -0.1)
    assert said == "a gets 20.0%: the anchor asks for +30.0%, diversity for −10.0%"
    said = findings.weight_finding("a", 0.0038, 0.0016, 0.0022)
    assert said == "a gets 0.38%: the anchor asks for +0.16%, diversity for +0.22%"
    small = waterfall_figure([("anchor", 0.0016), ("diversity", 0.0022)], "weight").data[0]
    assert list(small.text) == ["+0.16", "+0.22", "0.38%"]
    assert "raise the balance from 0.5 to 0.7" in findings.zero_reason("a", 0.1, 0.7, 0.5, "nats")
    assert "lower the balance from 2 to 0.7" in findings.zero_reason("a", 0.1, 0.7, 2.0, "nats")
    close = findings.zero_reason("a", 0.1, 0.02471, 0.02467, "nats")
    assert "raise the balance from 0.02467 to 0.02471" in close
    here = findings.zero_reason("a", 0.0, 0.5, 0.5, "nats")
    assert here.startswith("It enters at this very balance;")
    assert "at every balance" in findings.zero_reason("a", 0.1, None, 0.5, "nats")
    split = findings.split_finding(NAMES, ANCHOR, DIVERSITY)
    assert split == "Diversity asks most for a (+20.0%) and least for <b>b</b> (−10.0%)"
    assert "anchor alone" in findings.split_finding(NAMES, ANCHOR, 0 * DIVERSITY)
    only_up = findings.split_finding(NAMES, ANCHOR, np.abs(DIVERSITY))
    assert only_up == "Diversity asks most for a, +20.0%"


def test_of_equals_none_is_named_alone():
    alike, least = np.array([0.3, 0.3, 0.1, 0.1]), "Diversity asks most for a and 1 more"
    said = findings.split_finding(NAMES, 0.1 - alike / 2, alike)
    assert said == f"{least}, +30.0%"
    said = findings.split_finding(NAMES, np.full(4, 0.3), alike - 0.2)
    assert said == f"{least} (+10.0%) and least for c and 1 more (−10.0%)"
    same = np.full(4, 0.1)
    assert findings.split_finding(NAMES, same, same) == (
        "Diversity asks the same for every task, +10.0%"
    )
    held = np.array([-0.1, 0.1, 0.1, 0.1])
    assert findings.split_finding(NAMES, np.full(4, 0.1), held) == (
        "Diversity asks the same for every task that is in, +10.0%"
    )
    push = np.array([0.0, -0.3, -0.3, -0.1])
    assert findings.neighbours_finding("a", NAMES, push) == (
        f"{NAMES[1]} and 1 more take the most from a"
    )
    change = np.array([-0.05, 0.0, 0.025, 0.025])
    assert findings.without_finding("b", NAMES, 0.1, change).endswith("c and 1 more gain the most")
    said = findings.twins_finding("a", "c", 0.4, more=2)
    assert said == "The tasks most like a are c and 2 more, 40% nearer than usual"


def test_with_one_other_task_nothing_is_said_of_several():
    change = np.zeros(2)
    said = findings.without_finding("billing", ("billing", "refunds"), 0.5, change)
    assert said == "Without billing everything goes to refunds"
    brought, jsd, given = BROUGHT_DIVERGENCE, MEASURES["jsd"], MEASURES["given"]
    assert findings.nearest_meaning(0.31, brought, 1) == "The only other task, 0.310 away."
    assert findings.nearest_meaning(0.31, jsd, 2).endswith("the median one is 0.310 nats away.")
    assert findings.nearest_meaning(-0.31, given, 2).endswith("the median one has -0.310.")


def test_a_brought_divergence_has_no_units_of_s():
    D = np.array([[0.0, -0.3], [-0.3, 0.0]])
    for measure, brought, unit in (
        ("jsd", False, "nats"),
        ("given", True, ""),
        ("given", False, "units of S"),
    ):
        read = Similarity(("a", "b"), D, measure, came_as_divergence=brought)
        assert findings.distance_unit(read) == unit


def test_tasks_that_are_not_drawn_are_counted():
    assert findings.split_reading(26, 26).endswith("Click one to ask about its task.")
    assert findings.split_reading(17, 316).endswith("17 of 316 tasks, the heaviest first.")


def test_a_number_left_of_its_bar_has_room():
    figure = waterfall_figure([("a", 0.5), ("price of one budget", -1.2), ("held", 0.7)], "weight")
    low, high = figure.layout.xaxis.range
    assert -70 - low >= 0.3 * 120  # bars span from -70% to 50%
    assert high >= 50


def test_sentences_about_others():
    push = np.array([0.0, 0.1, -0.3, -0.1])
    assert findings.neighbours_finding("a", NAMES, push) == "c takes the most from a"
    assert "No other task moves" in findings.neighbours_finding("a", NAMES, 0 * push)
    assert "takes weight" in findings.neighbours_finding("a", NAMES, np.abs(push))
    change = np.array([0.0, 0.02, -0.05, 0.03])
    assert findings.without_finding("a", NAMES, 0.1, change) == (
        "Without a another 5.0% moves among the others; d gains the most"
    )
    assert "nothing changes" in findings.without_finding("a", NAMES, 0.0, change)
    assert "keep their proportions" in findings.without_finding("a", NAMES, 0.1, 0 * change)
    assert "The task most like a is c, 40% nearer" in findings.twins_finding("a", "c", 0.4)
    assert "nothing would move" in findings.what_if_finding("a", "c", 0.1, 0.1, 0.0)
    assert findings.what_if_finding("a", "c", 0.1, 0.2, 0.3) == (
        "30.0% of the budget would move; a from 10.0% to 20.0%"
    )
    assert "0.01 nats more alike, 0.20% of" in findings.what_if_hint("a", "c", 0.01, 0.002, "nats")
    assert "nothing would move" in findings.what_if_hint("a", "c", 0.01, 0.0, "nats")
    assert findings.what_if_hint("a", "c", 0.0, 0.0, "nats") == "a and c cannot be more alike"


def test_a_utility_is_not_called_an_anchor():
    figure = additive_split_figure(NAMES, ANCHOR, DIVERSITY, rewarded="the gain")
    assert [t.name for t in figure.data[:2]] == ["the gain asks", "diversity asks"]
    assert "the gain asks for" in findings.weight_finding("a", 0.2, 0.3, -0.1, "the gain")
    assert "The gain alone" in findings.split_finding(NAMES, ANCHOR, 0 * DIVERSITY, "the gain")
    assert "0.003 more alike" in findings.what_if_hint("a", "c", 0.003, 0.002, "")


def test_what_a_cap_of_zero_keeps_out_has_no_price():
    jsd = similarity("jsd", 5, 0)
    a, b, *_ = jsd.tasks
    for limits in ({"caps": {a: 0.0}}, {"groups": [Group("shut", (a, b), 0.0, 0.0)]}):
        problem = pose(jsd, **limits)
        found = explain(problem, solve(problem, 0.4))
        shut = {a} if "caps" in limits else {a, b}
        for reason in found.reasons:
            assert (reason.reduced_cost is None) == (reason.weight > 0 or reason.task in shut)


def test_numeric_names_are_categories():
    ids = ("10", "2", "5")
    figure = additive_split_figure(ids, np.full(3, 0.2), np.full(3, 0.1))
    assert figure.layout.autotypenumbers == "strict"
    assert list(figure.data[0].hovertext) == list(ids)
