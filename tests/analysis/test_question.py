"""One question: options and addresses say the same, and get the same mixture to the bit."""

from urllib.parse import parse_qs, urlencode

import click
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pages.ui import cached
from pages.ui.url_state import BUDGET, View, names, read_view
from taskpgm_core import store
from taskpgm_core.analysis.mixture_reference import tasks_reference
from taskpgm_core.analysis.provenance import provenance
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.analysis.question_words import WORDS, from_words, to_words
from taskpgm_core.cli.options import ask, question_options
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import pose, solve
from taskpgm_core.records import Task
from tests.support.matrices import similarity
from tests.support.synthetic_study import TASKS, write_study

shares = st.floats(0, 1)
numbers = st.floats(0, 1e6)


@pytest.fixture
def study(cache):
    return write_study(cache)


@click.command()
@question_options
def _options(**given):
    return given


def options_of(arguments):
    """What click hands a verb for these words of a command line."""
    return _options.make_context("verb", [str(a) for a in arguments]).params


@st.composite
def command_lines(draw):
    """Options as people combine them, each with a chance of its own."""
    words = []

    def maybe(option, values):
        if draw(st.booleans()):
            words.extend([option, draw(values)])

    maybe("--measure", st.sampled_from(["jsd", "pmi", "pmi-token"]))
    if draw(st.booleans()):
        words += ["--beta", draw(st.floats(0.01, 9)), "--lambda", draw(st.floats(0.01, 9))]
    else:
        maybe("--balance", numbers)
    weights = '{"sums": 0.25, "dates": 0.75}'
    anchors = ["uniform", "proportional", "temperature", "task:sums", "task:dates,logic", weights]
    maybe("--anchor", st.sampled_from(anchors))
    if draw(st.booleans()):
        words += ["--unary", draw(st.sampled_from(["gain", "representativeness"]))]
        words += ["--resolution", "inf"]
    else:
        maybe("--resolution", st.sampled_from(["auto", "inf", "0.02", "1e-320", "1e12"]))
    maybe("--floor", shares)
    for task in draw(st.sets(st.sampled_from(TASKS))):
        bound = draw(st.sampled_from(["--floor", "--cap", "--pin"]))
        words += [bound, f"{task}={draw(shares)!r}"]
    if draw(st.booleans()):
        words += ["--pin", draw(st.sampled_from(TASKS))]
    maybe("--group", st.tuples(shares, shares).map(lambda ends: f"family:{ends[0]}:{ends[1]}"))
    if draw(st.booleans()):
        words += ["--pull-to", draw(st.sampled_from(["proportional", "task:logic", weights]))]
        words += ["--rho", draw(numbers)]
    maybe("--margin", st.floats(0, 5))
    if draw(st.booleans()):
        words += ["--budget", draw(st.integers(1, 10**6))]
        maybe("--max-epochs", st.floats(0.1, 100))
        maybe("--unit", st.sampled_from(["rows", "tokens"]))
    return words


modest = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)


@modest
@given(command_lines())
def test_options_to_an_address_and_back_change_nothing(study, arguments):
    try:
        known, posed = ask(study.slug, **options_of(arguments))
    except MixtureError:  # a pin outside its own bounds, or no squared distance: posing says so
        assert "--pin" in arguments or "--resolution" in arguments
        return
    asked = posed.question
    address = parse_qs(urlencode(to_words(asked), doseq=True))
    assert from_words(address, known) == asked
    view, ignored = read_view({"study": [study.slug], **address}, names([study]))
    filled = {"measure": known.measures[0]} if not asked.measure else {}
    if asked.budget is None:
        filled["budget"] = BUDGET
    assert ignored == []
    assert view == View(study.slug).moved(**{**vars(asked), **filled})


@modest
@given(command_lines())
def test_both_ends_give_the_same_mixture_to_the_bit(study, arguments):
    try:
        _, posed = ask(study.slug, **options_of(arguments))
    except MixtureError:
        return
    found = posed.solution()
    address = parse_qs(urlencode(to_words(posed.question), doseq=True))
    view, _ = read_view({"study": [study.slug], **address}, names([study]))
    shown = cached.solution(study, view)
    assert (shown.status, shown.gap) == (found.status, found.gap) or found.status == "infeasible"
    np.testing.assert_array_equal(shown.p, found.p)


@pytest.mark.parametrize(
    ("old", "now"),
    [
        ({"balance": ["0.5"]}, {"balance": 0.5}),
        ({"balance": ["2"], "lambda": ["3"]}, {"balance": 2.0, "lam": 3.0}),
        ({"anchor": ["proportional"]}, {"anchor": "proportional"}),
        ({"anchor": ["square-root"]}, {"anchor": "square-root"}),
        ({"anchor": ["tasks"], "target": ["dates", "logic"]}, {"anchor": "task:dates,logic"}),
        ({"anchor": ["tasks"], "target": ["sums"]}, {"anchor": "task:sums"}),
        ({"target": ["sums"]}, {}),
        ({"pull": ["proportional"], "rho": ["0.5"]}, {"pull": "proportional", "rho": 0.5}),
        ({"pull": ["uniform"]}, {"pull": "uniform", "rho": 0.0}),
        ({"rho": ["0.5"]}, {}),
        ({"floor": ["0.1", "sums=0.2"]}, {"floors": {"": 0.1, "sums": 0.2}}),
        ({"cap": ["logic=0.5"]}, {"caps": {"logic": 0.5}}),
        ({"pin": ["dates=0.25"]}, {"pins": {"dates": 0.25}}),
        ({"group": ["family:0.25:0.5"]}, {"groups": (("family", 0.25, 0.5),)}),
        ({"max-epochs": ["2"], "budget": ["50"]}, {"max_epochs": 2.0, "budget": 50}),
        ({"max-epochs": ["2"]}, {"max_epochs": 2.0}),
        ({"unit": ["tokens"], "budget": ["321"]}, {"unit": "tokens", "budget": 321}),
    ],
)
def test_addresses_of_the_first_version_are_read(study, old, now):
    view, ignored = read_view({"study": ["synthetic"], "measure": ["pmi"], **old}, names([study]))
    [said] = ignored
    assert "An earlier version wrote this address" in said
    assert view.question == Question(
        **{"measure": "pmi", "budget": BUDGET, "resolution": np.inf, **now}
    )


def test_an_unwritten_question_is_the_default_one(study):
    assert from_words({}, study) == Question()
    assert to_words(Question()) == {"balance": ["1"], "resolution": ["auto"]}


def test_every_word_of_an_address_is_an_option_and_the_reverse():
    options = {o for p in _options.params for o in p.opts} - {"--beta"}
    assert options == {f"--{word}" for word in WORDS} - {"--anchor-name"}


def test_a_file_travels_as_its_mixture_and_no_address_opens_one(study, tmp_path):
    file = tmp_path / "now.json"
    file.write_text('{"sums": 3, "logic": 1}')
    _, posed = ask(study.slug, **options_of(["--anchor", file]))
    assert posed.problem.anchor.tolist() == [0.75, 0.0, 0.25]
    assert posed.problem.anchor_name == "now.json"
    with pytest.raises(MixtureError, match="no anchor here"):
        from_words({"anchor": [str(file)]}, study)


def test_a_baseline_that_moves_with_the_balance_is_no_anchor(study):
    with pytest.raises(MixtureError, match="depends on the balance"):
        from_words({"anchor": ["authors"]}, study)


def test_tasks_with_commas_in_their_names_can_be_the_anchor(cache):
    study = write_study(cache, tasks=("a,b", "c", "d"))
    reference = tasks_reference(("a,b", "c"))
    asked = from_words({"anchor": [reference]}, study)
    assert pose_question(study, asked).problem.anchor.tolist() == [0.5, 0.5, 0.0]


def test_a_matrix_in_memory_is_asked_like_a_study(study):
    S = store.similarity(study, "jsd")
    asked = Question(balance=0.4, anchor="task:sums,dates", caps={"sums": 0.2}, floors=0.05)
    there, here = pose_question(study, asked), pose_question(S, asked)
    np.testing.assert_array_equal(there.solution().p, here.solution().p)
    expected = pose(S, anchor={"sums": 0.5, "dates": 0.5}, caps={"sums": 0.2}, floors=0.05)
    np.testing.assert_allclose(here.solution().p, solve(expected, 0.4).p, atol=1e-12)
    with pytest.raises(MixtureError, match="gain"):
        pose_question(S, Question(unary="gain"))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.floats(0.3, 20)), min_size=2, max_size=5),
    st.floats(0.2, 4),
    st.integers(1, 300),
    st.sampled_from(["rows", "tokens"]),
)
def test_what_a_limit_on_epochs_allows_can_be_allocated(sizes, epochs, budget, unit):
    tasks = [Task(f"t{i}", rows=n, mean_tokens=m) for i, (n, m) in enumerate(sizes)]
    asked = Question(max_epochs=epochs, budget=budget, unit=unit)
    posed = pose_question(similarity("jsd", len(tasks), 0), asked, tasks=tasks)
    found = posed.solution()
    if found.status == "optimal":
        counts = posed.allocation(found.p).counts
        for task, count in zip(tasks, counts, strict=True):
            assert count <= epochs * task.rows * (1 if unit == "rows" else task.mean_tokens)


@pytest.mark.parametrize("budget", [0, -1, 1.5, 10**18, 10**310, float("inf")], ids=range(6))
def test_a_question_takes_a_budget_that_can_be_counted(study, budget):
    with pytest.raises(MixtureError, match="budget is"):
        Question(budget=budget)
    ignored = []
    assert from_words({"budget": [str(budget)]}, study, ignored=ignored).budget is None
    assert "Budget must be a whole number" in ignored[0]


@pytest.mark.parametrize(
    ("plain", "full"),
    [
        ({"pins": ["sums"]}, {"pins": {"sums": None}}),
        ({"floors": np.float64(0.1)}, {"floors": 0.1}),
        ({"caps": np.float32(0.5)}, {"caps": 0.5}),
        ({"judge_by": "sums"}, {"judge_by": ("sums",)}),
        ({"resolution": None}, {"resolution": np.inf}),
        ({"budget": 1e2}, {"budget": 100}),
    ],
)
def test_what_is_plainly_meant_is_the_same_question(plain, full):
    assert Question(**plain) == Question(**full)
    assert to_words(Question(**plain)) == to_words(Question(**full))


@pytest.mark.parametrize("fields", [{"floors": "0.1"}, {"caps": ["ab"]}, {"pins": 0.3}])
def test_limits_that_cannot_be_read_are_refused_in_words(fields):
    (name,) = fields
    with pytest.raises(MixtureError, match=f"{name} is .*; give a"):
        Question(**fields)


def test_an_address_with_two_mistakes_loses_both_words(study):
    ignored = []
    words = {"balance": ["inf"], "lambda": ["abc"]}
    assert from_words(words, study, ignored=ignored) == Question()
    assert len(ignored) == 2


def test_the_key_names_all_that_the_problem_depends_on_and_no_more():
    for same in ({"balance": 2.0}, {"lam": 2.0}, {"budget": 5}, {"unit": "tokens"}):
        assert Question(**same).key == Question().key
    keys = {
        Question(**changes).key
        for changes in (
            {},
            {"measure": "pmi"},
            {"anchor": "proportional"},
            {"anchor": "task:sums"},
            {"unary": "gain"},
            {"judge_by": ("sums",)},
            {"resolution": np.inf},
            {"resolution": 0.02},
            {"floors": 0.1},
            {"floors": {"sums": 0.1}},
            {"caps": {"sums": 0.1}},
            {"pins": {"sums": 0.1}},
            {"pins": {"sums": None}},
            {"groups": (("family", 0.0, 0.5),)},
            {"pull": "uniform", "rho": 0.1},
            {"margin": 0.5},
            {"max_epochs": 2.0},
            {"max_epochs": 2.0, "budget": 5},
            {"max_epochs": 2.0, "unit": "tokens"},
        )
    }
    assert len(keys) == 19


def test_provenance_holds_a_question_that_can_be_asked_again(study):
    asked = Question("pmi", 0.3, caps={"sums": 0.4}, anchor="proportional")
    posed = pose_question(study, asked)
    facts = provenance(study, posed, posed.solution())
    assert from_words(parse_qs(facts["question"]), study) == asked
    assert (facts["measure"], facts["resolution"]) == ("pmi", None)
    at_the_end = Question("jsd", np.inf, lam=0.0)
    posed = pose_question(study, at_the_end)
    facts = provenance(study, posed, posed.solution())
    assert facts["balance"] is None
    assert from_words(parse_qs(facts["question"]), study) == at_the_end
