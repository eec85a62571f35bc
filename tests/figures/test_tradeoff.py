"""The Trade-off page's figures: what a click means, and axes that name no rounding."""

import numpy as np
import pytest

from taskpgm_core.figures.balance_axis import positions, track_end
from taskpgm_core.figures.balance_points import on_curve, on_path
from taskpgm_core.figures.tradeoff import by_group, frontier_figure, path_areas_figure

BALANCES = np.array([0.0, 0.5, 1.0, 3.0, 40.0])
WEIGHTS = np.array([[0.5, 0.5, 0], [0.4, 0.4, 0.2], [1 / 3] * 3, [0.1, 0.2, 0.7], [0, 0, 1]])


def test_a_place_on_the_path_has_its_balance_and_names_the_band_it_lies_in():
    tasks = ["a", "b", "c"]
    figure = path_areas_figure(
        tasks, [""] * 3, BALANCES, WEIGHTS, balance=1.0, anchor_name="uniform"
    )
    drawn = [t.meta for t in figure.data]
    on_path(figure, track_end(40.0))
    places = figure.data[-1]
    assert {tuple(d) for d in places.customdata} >= {(0.0,), (1.0,), (40.0,)}
    for y, (balance,), said in zip(places.y, places.customdata, places.hovertext, strict=True):
        shares = {t: np.interp(balance, BALANCES, WEIGHTS[:, tasks.index(t)]) for t in drawn}
        tops = np.cumsum([shares[t] for t in drawn])
        if np.abs(tops - y).min() > 0.01:
            name = drawn[int((tops <= y).sum())]
            assert said.startswith(f"{name} ")
            assert float(said.split()[1][:-1]) == pytest.approx(100 * shares[name], abs=0.3)
    assert all(t.hoverinfo == "skip" for t in figure.data[:-1])


def test_places_on_a_curve_lie_on_it():
    balances = np.linspace(0, 30, 500)
    x, y = positions(balances), np.cos(balances)
    figure = frontier_figure(
        balances, np.column_stack([y, -x]), {}, here=np.array([y[0], -x[0]]), units=("", "")
    )
    places = on_curve(figure, balances, x, y).data[-1]
    assert 20 < len(places.x) <= 61
    for at_x, at_y, (balance,) in zip(places.x, places.y, places.customdata, strict=True):
        k = int(np.abs(balances - balance).argmin())
        assert (at_x, at_y) == pytest.approx((x[k], y[k]), abs=1e-6)


def test_an_axis_whose_values_are_one_but_for_rounding_has_room():
    path = np.array([[-0.1, -0.1], [-0.1 + 5e-10, -0.1 - 5e-10]])
    figure = frontier_figure(np.array([0.0, 1.0]), path, {}, here=path[0], units=("", ""))
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert axis.range[1] - axis.range[0] > 0.01
    wide = np.array([[-0.1, -0.1], [-0.3, -0.5]])
    free = frontier_figure(np.array([0.0, 1.0]), wide, {}, here=wide[0], units=("", ""))
    assert free.layout.xaxis.range is None


def test_areas_are_sums_of_families_only_where_the_tasks_are_too_many():
    assert by_group(["x", "y"] * 21)
    assert not by_group(["x", "y"] * 20)
    assert not by_group([""] * 42)
    assert not by_group([f"f{k}" for k in range(42)])
