"""The address says everything that a page shows, and nothing in it can break a page."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pages.ui.url_state import BUDGET, View, names, read_view
from taskpgm_core.analysis.question import Question
from taskpgm_core.analysis.saved_mixtures import Scenario, save
from tests.support.synthetic_study import TASKS, write_study

shares = st.floats(0, 1)
by_task = st.dictionaries(st.sampled_from(TASKS), shares, max_size=3)
questions = st.builds(
    Question,
    measure=st.just("pmi"),
    balance=shares.map(lambda x: 7 * x),
    anchor=st.sampled_from(["uniform", "proportional", "task:dates,logic"]),
    floors=by_task,
    caps=st.dictionaries(st.sampled_from(("", *TASKS)), shares),
    pins=by_task,
    groups=st.sampled_from([(), (("family", 0.25, 0.5),)]),
    max_epochs=st.sampled_from([None, 0.5, 3.0]),
    pull=st.just("proportional"),
    rho=shares,
    budget=st.sampled_from([321, BUDGET]),
    unit=st.sampled_from(["rows", "tokens"]),
)
PLAIN = View("synthetic", Question("jsd", budget=BUDGET))


@pytest.fixture
def studies(cache):
    return names([write_study(cache)])


def as_query(view: View) -> dict[str, list[str]]:
    return {k: v if isinstance(v, list) else [v] for k, v in view.query.items()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(question=questions, tasks=st.sets(st.sampled_from(TASKS)).map(lambda s: tuple(sorted(s))))
def test_a_link_opens_the_very_view_it_was_copied_from(studies, question, tasks):
    view = View("synthetic", question, tasks=tasks)
    assert read_view(as_query(view), studies) == (view, [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("study", "nowhere"),
        ("measure", "cosine"),
        ("balance", "-1"),
        ("balance", "nan"),
        ("balance", "1e400"),
        ("resolution", "0"),
        ("resolution", "fine"),
        ("lambda", "-1"),
        ("unary", "gains"),
        ("margin", "-1"),
        ("budget", "1.5"),
        ("budget", "0"),
        ("unit", "words"),
        ("anchor", "<script>alert(1)</script>"),
        ("anchor", "f" * 24),
        ("anchor", "tasks"),
        ("task", "nobody"),
        ("floor", "sums"),
        ("floor", "sums=2"),
        ("cap", "nobody=0.1"),
        ("pin", "0.2"),
        ("group", "family:0"),
        ("group", "strangers:0:1"),
        ("max-epochs", "0"),
        ("pull", "nothing"),
        ("k", "-1"),
        ("draft", "../../etc/passwd"),
        ("scenario", "x"),
    ],
)
def test_what_makes_no_sense_is_ignored_with_one_sentence(studies, name, text):
    view, ignored = read_view({"resolution": ["auto"], name: [text]}, studies)
    assert view == PLAIN
    assert len(ignored) == 1
    assert ignored[0].endswith(".")


def test_a_kept_mixture_can_be_the_anchor_unless_it_has_other_tasks(studies):
    card = studies["synthetic"]
    p = np.array([0.5, 0.25, 0.25])
    own = save(Scenario(card.slug, card.content, "jsd", card.names, p, name="ours"))
    other = save(Scenario("else", "e" * 64, "jsd", ("sums", "x", "y"), p, name="theirs"))
    assert read_view({"anchor": [own.id]}, studies)[0].question.anchor == own.id
    assert read_view({"anchor": [other.id]}, studies)[0].question.anchor == "uniform"


def test_an_endless_balance_is_shown_as_the_end_of_the_path(studies):
    view, ignored = read_view({"balance": ["inf"], "lambda": ["0"]}, studies)
    assert view == PLAIN.moved(balance=1e9)
    assert len(ignored) == 1
