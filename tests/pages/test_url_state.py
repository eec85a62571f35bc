"""The address says everything that a page shows, and nothing in it can break a page."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pages.ui.bounds import Bounds
from pages.ui.url_state import TARGETS, View, names, read_view
from taskpgm_core.analysis.saved_mixtures import Scenario, save
from tests.support.synthetic_study import TASKS, write_study

shares = st.floats(0, 1).map(lambda x: float(f"{x:.10g}"))
by_task = st.dictionaries(st.sampled_from(TASKS), shares, max_size=3).map(
    lambda d: tuple(d.items())
)
bounds = st.builds(
    Bounds,
    floors=by_task,
    caps=st.dictionaries(st.sampled_from(("", *TASKS)), shares).map(lambda d: tuple(d.items())),
    pins=by_task,
    groups=st.sampled_from([(), (("family", 0.25, 0.5),)]),
    epochs=st.sampled_from([None, 0.5, 3.0]),
    pull=st.just("proportional"),
    rho=shares,
)
anchors = st.sampled_from([("uniform", ()), ("proportional", ()), (TARGETS, ("dates", "logic"))])


@pytest.fixture
def studies(cache):
    return names([write_study(cache)])


def as_query(view: View) -> dict[str, list[str]]:
    return {k: v if isinstance(v, list) else [v] for k, v in view.query.items()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    anchor=anchors,
    bounds=bounds,
    balance=shares.map(lambda x: 7 * x).map(lambda x: float(f"{x:.10g}")),
    unit=st.sampled_from(["rows", "tokens"]),
    tasks=st.sets(st.sampled_from(TASKS)).map(lambda s: tuple(sorted(s))),
)
def test_a_link_opens_the_very_view_it_was_copied_from(
    studies, anchor, bounds, balance, unit, tasks
):
    view = View(
        "synthetic",
        "pmi",
        balance=balance,
        anchor=anchor[0],
        targets=anchor[1],
        bounds=bounds,
        unit=unit,
        tasks=tasks,
        budget=321,
    )
    assert read_view(as_query(view), studies) == (view, [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("study", "nowhere"),
        ("measure", "cosine"),
        ("balance", "-1"),
        ("balance", "nan"),
        ("balance", "1e400"),
        ("lambda", "0"),
        ("budget", "1.5"),
        ("budget", "0"),
        ("unit", "words"),
        ("anchor", "<script>alert(1)</script>"),
        ("anchor", "f" * 24),
        ("anchor", TARGETS),
        ("task", "nobody"),
        ("floor", "sums"),
        ("floor", "sums=2"),
        ("cap", "nobody=0.1"),
        ("pin", "0.2"),
        ("group", "family:0"),
        ("group", "strangers:0:1"),
        ("max-epochs", "0"),
        ("pull", "nothing"),
        ("draft", "../../etc/passwd"),
        ("scenario", "x"),
    ],
)
def test_what_makes_no_sense_is_ignored_with_one_sentence(studies, name, text):
    view, ignored = read_view({name: [text]}, studies)
    assert view == View("synthetic", "jsd")
    assert len(ignored) == 1
    assert ignored[0].endswith(".")


def test_a_kept_mixture_can_be_the_anchor_unless_it_has_other_tasks(studies):
    card = studies["synthetic"]
    p = np.array([0.5, 0.25, 0.25])
    own = save(Scenario(card.slug, card.content, "jsd", card.names, p, name="ours"))
    other = save(Scenario("else", "e" * 64, "jsd", ("sums", "x", "y"), p, name="theirs"))
    assert read_view({"anchor": [own.id]}, studies)[0].anchor == own.id
    assert read_view({"anchor": [other.id]}, studies)[0].anchor == "uniform"


def test_the_question_names_all_that_the_problem_depends_on_and_no_more(studies):
    view = View("synthetic", "jsd")
    for same in ({"balance": 2.0}, {"budget": 5}, {"tasks": ("sums",)}, {"beside": ("uniform",)}):
        assert View("synthetic", "jsd", **same).question == view.question
    limited = Bounds(epochs=2.0)
    questions = {
        View("synthetic", "jsd", **changes).question
        for changes in (
            {},
            {"anchor": "proportional"},
            {"anchor": TARGETS, "targets": ("sums",)},
            {"anchor": TARGETS, "targets": ("dates",)},
            {"bounds": Bounds(floors=(("", 0.1),))},
            {"bounds": Bounds(floors=(("sums", 0.1),))},
            {"bounds": Bounds(caps=(("sums", 0.1),))},
            {"bounds": Bounds(pull="uniform", rho=0.1)},
            {"bounds": limited},
            {"bounds": limited, "budget": 5},
            {"bounds": limited, "unit": "tokens"},
        )
    }
    assert len(questions) == 11
