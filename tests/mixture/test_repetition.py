"""The alarm that few rows are read again and again, and whether its advice does what it says."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.cli.main import main
from taskpgm_core.mixture import Group, pose, solve
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.mixture.repetition import AS_GOOD_AS_NEW, MANY, repeated, repetition_alarm
from taskpgm_core.records import Task
from tests.support.matrices import names, similarity

TINY = Path(__file__).parents[1] / "exports" / "tiny"


def described(problem, rows, tokens):
    return [
        Task(name, rows=have, mean_tokens=length)
        for name, have, length in zip(problem.tasks, rows, tokens, strict=True)
    ]


def raised(problem, budget, rows, *, balance=1.0, tokens=None):
    found = solve(problem, balance)
    unit = "tokens" if tokens else "rows"
    counted = allocate(found.p, problem.tasks, budget, unit=unit, rows=rows, mean_tokens=tokens)
    tasks = described(problem, rows, tokens or [None] * problem.n)
    alarm = repetition_alarm(problem, found, counted, tasks)
    return found, counted, alarm


def capped(problem, budget, rows, tokens=None):
    """The same question with the cap, as a verb poses it."""
    held = AS_GOOD_AS_NEW * np.array(rows) * (np.array(tokens) if tokens else 1.0) / budget
    return problem.bounded(problem.lo, np.minimum(problem.hi, held))


def plain(n=4, **options):
    return pose(similarity("jsd", n, 3), **options)


@pytest.mark.parametrize(("rows", "said"), [(10, True), (11, False)])
def test_it_is_said_from_ten_epochs_on(rows, said):
    _, counted, alarm = raised(plain(4), 400, [rows, 1000, 1000, 1000])
    assert counted.epochs[0] == pytest.approx(100 / rows)
    assert bool(alarm) == said == (counted.epochs[0] >= MANY)
    if said:
        assert alarm[0].level == "warning"
        assert alarm[0].number == counted.epochs[0]


def test_nothing_is_said_without_a_budget_or_rows():
    problem = plain()
    found = solve(problem, 1.0)
    assert repetition_alarm(problem, found, None, described(problem, [1] * 4, [None] * 4)) == ()
    _, _, alarm = raised(problem, 400, [None] * 4)
    assert alarm == ()
    _, _, alarm = raised(problem, 400, [2, None, 900, 900])
    assert "once the rows of task" in alarm[0].sentence


def test_others_are_counted():
    assert repeated(("a", "b"), (9.9, None)) is None
    task, most, sentence = repeated(("a", "b", "c"), (10.0, 25.5, None))
    assert (task, most) == ("b", 25.5)
    assert "25.5 times, and 1 other task at least 10 times" in sentence
    assert "2 other tasks" in repeated(("a", "b", "c"), (10.0, 25.5, 11.0))[2]


numbers = st.lists(st.integers(1, 60), min_size=2, max_size=7)


@settings(max_examples=60, deadline=None)
@given(rows=numbers, budget=st.integers(50, 3000), seed=st.integers(0, 99), data=st.data())
def test_the_advice_does_what_it_says(rows, budget, seed, data):
    n = len(rows)
    tokens = data.draw(
        st.none() | st.lists(st.sampled_from([1.0, 2.5, 7.0]), min_size=n, max_size=n)
    )
    floor = data.draw(st.sampled_from([None, 0.02]))
    group = [Group("g", names(n)[:1], 0.0, 0.6)] if data.draw(st.booleans()) else []
    problem = pose(similarity("jsd", n, seed), floors=floor, groups=group)
    balance = data.draw(st.sampled_from([0.5, 1.0, 1.1, np.inf]))
    found, counted, alarm = raised(problem, budget, rows, balance=balance, tokens=tokens)
    if max(counted.epochs) < MANY:
        assert alarm == ()
        return
    sentence = alarm[0].sentence
    if "would move" in sentence:
        asked = solve(capped(problem, budget, rows, tokens), balance)
        assert asked.status == "optimal"
        moved = float(re.search(r"move <?([\d.]+)% of", sentence)[1])
        slack = 100 * n / budget if tokens else 0.01  # a row may be many tokens
        assert 50 * np.abs(asked.p - found.p).sum() == pytest.approx(moved, rel=0.01, abs=slack)
        return
    told = re.search(r"the largest that it can is ([\d,]+)", sentence)
    largest = int(told[1].replace(",", "")) if told else 0
    assert largest < budget
    if largest >= 1:
        fits = capped(problem, largest, rows, tokens)
        assert fits.lo.sum() <= 1
        answer = solve(fits, balance)
        assert answer.status == "optimal"
        allocate(
            answer.p,
            problem.tasks,
            largest,
            unit=counted.unit,
            rows=rows,
            mean_tokens=tokens,
        )
    more = capped(problem, largest + n + 1, rows, tokens)
    assert solve(more, balance).status == "infeasible"


def test_without_limits_the_largest_budget_is_four_times_all_rows():
    rows = [3, 5, 7, 11]
    _, _, alarm = raised(plain(4), 1000, rows)
    assert f"the largest that it can is {4 * sum(rows)}." in alarm[0].sentence


@pytest.mark.parametrize("unit", ["rows", "tokens"])
def test_solve_and_report_say_it(cache, tmp_path, capsys, unit):
    store.import_matrix(
        TINY / "matrix.csv", kind="similarity", tasks=TINY / "tasks.csv", name="tiny"
    )
    words = ["tiny", "--budget", "100000", "--unit", unit]
    assert main(["solve", *words, "--json"]) == 0
    alarms = json.loads(capsys.readouterr().out)["alarms"]
    assert alarms[0]["name"] == "repetition"
    assert alarms[0]["level"] == "warning"
    assert alarms[0]["number"] == pytest.approx(100000 / 4 / (60 if unit == "rows" else 120), 1e-3)
    assert main(["report", *words, "--out", str(tmp_path / "r.html")]) == 0
    assert "A limit of 4 epochs would move" in (tmp_path / "r.html").read_text()
    capsys.readouterr()
    assert main(["solve", *words, "--max-epochs", "4", "--json"]) == 0
    capped_alarms = json.loads(capsys.readouterr().out)["alarms"]
    assert all(alarm["name"] != "repetition" for alarm in capped_alarms)


def test_a_budget_that_no_cap_allows_is_an_error_of_the_cap_not_of_the_alarm(cache, capsys):
    store.import_matrix(
        TINY / "matrix.csv", kind="similarity", tasks=TINY / "tasks.csv", name="tiny"
    )
    assert main(["solve", "tiny", "--budget", "10000000", "--json"]) == 0
    (sentence, *_) = (a["sentence"] for a in json.loads(capsys.readouterr().out)["alarms"])
    largest = int(re.search(r"largest that it can is ([\d,]+)", sentence)[1].replace(",", ""))
    assert main(["solve", "tiny", "--budget", str(largest), "--max-epochs", "4"]) == 0
    assert main(["solve", "tiny", "--budget", str(largest + 1), "--max-epochs", "4"]) == 2


def test_a_huge_budget_that_cannot_be_met_is_told_to_the_row():
    rows = [10**9 + 7, 3 * 10**9 + 1, 11, 2 * 10**8]
    _, _, alarm = raised(plain(4), 10**12, rows)
    assert f"the largest that it can is {4 * sum(rows):,}." in alarm[0].sentence
