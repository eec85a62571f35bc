"""The report and the decision record: the same facts, all text as text, nothing from outside."""

import dataclasses
import html
import html.parser
import json
import re
from math import inf
from pathlib import Path

import jinja2
import jinja2.meta
import numpy as np
import pytest

from pages.ui.report import handover
from pages.ui.url_state import View
from taskpgm_core.analysis.graph_layout import task_graph
from taskpgm_core.analysis.question import Posed, Question, pose_question
from taskpgm_core.analysis.replicates import drawn_again, replicates
from taskpgm_core.analysis.trade_off import effective_numbers
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MixtureError
from taskpgm_core.evidence.outcome import training_outcome
from taskpgm_core.figures.numbers import percent, signed
from taskpgm_core.findings.story import LIVE, story
from taskpgm_core.mixture import pose, solve, trace
from taskpgm_core.mixture.alarms import Alarm, alarms
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.mixture.kernel import kernel
from taskpgm_core.mixture.uncertainty import uncertainty
from taskpgm_core.report import decide, render, report_page
from taskpgm_core.report.render import ENVIRONMENT, TEMPLATE, inert_json
from taskpgm_core.report.sections import (
    HEAVIEST,
    NAMED,
    NEAREST,
    certificate_facts,
    left_out_table,
)
from taskpgm_core.report.summary import summary
from taskpgm_core.store import import_matrix, list_studies, similarity
from tests.support.kept_runs import committed_copy, keep_runs
from tests.support.synthetic_study import synthetic_arrays, write_study

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "a&b\u2028<!--")


class Reader(html.parser.HTMLParser):
    """Tags, attributes, cells and scripts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.cells = [], [], {}, []
        self.texts = []
        self._script, self._cell = None, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self._script = dict(attrs).get("id", "module") if tag == "script" else None
        if tag == "td":
            self.cells.append("")
        self._cell = tag == "td"

    def handle_endtag(self, tag):
        self._script, self._cell = None, False

    def handle_data(self, data):
        if self._script:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data
            return
        self.texts.append(data)
        if self._cell:
            self.cells[-1] += data


def made(study, *, balance=0.5, budget=1000, notes="", title="", **posing):
    S = similarity(study)
    problem = pose(S, **posing)
    solution, path = solve(problem, balance), trace(problem)
    asked = Question("jsd", balance, inf, budget=budget)
    posed = Posed(study, asked, study.tasks, S, kernel(S, inf), problem)
    sure = uncertainty(problem, balance, replicates(study, "jsd", draws=20))
    counted = allocate(solution.p, study.names, budget, rows=study.rows) if budget else None
    raised = alarms(problem, solution)
    decision = decide(
        study,
        posed,
        solution,
        allocation=counted,
        alarms=raised,
        explanation=explain(problem, solution, path),
        sure=sure,
        notes=notes,
        title=title,
    )
    return decision, posed, solution, report_page(decision, posed, path)


@pytest.fixture
def study(cache):
    return write_study(cache)


def test_page_and_record_state_the_solvers_mixture(study):
    decision, _, solution, page = made(study, notes="Because.")
    read = Reader(page)
    record = json.loads(read.scripts["decision"])
    assert record == json.loads(decision.to_json())
    assert [line["weight"] for line in record["tasks"]] == solution.p.tolist()
    assert sum(line["count"] for line in record["tasks"]) == 1000
    assert record["certificate"]["gap"] == solution.gap
    assert record["study"]["content"] == study.content
    assert record["study"]["digest"] == study.digest
    assert record["notes"] == "Because."
    for task, weight in zip(study.names, solution.p, strict=True):
        if weight > 0:
            assert percent(weight) == read.cells[read.cells.index(task) + 2]
    for sentence in (a.sentence for a in decision.alarms):
        assert html.escape(sentence).replace("&#x27;", "&#39;") in page


def test_every_weight_has_its_reason_and_its_interval(study):
    decision, posed, solution, page = made(study)
    problem = posed.problem
    why = explain(problem, solution, trace(problem)).reasons
    sure = uncertainty(problem, 0.5, replicates(study, "jsd", draws=20))
    cells = Reader(page).cells
    for i, line in enumerate(json.loads(decision.to_json())["tasks"]):
        assert line["interval"] == {
            "low": sure.low[i],
            "high": sure.high[i],
            "inclusion": sure.inclusion[i],
        }
        split = line["reason"]
        assert split["anchor"] + split["diversity"] == pytest.approx(line["weight"], abs=1e-12)
        assert (split["anchor"], split["enters_at"]) == (why[i].anchor, why[i].enters_at)
        assert split["reduced_cost"] == why[i].reduced_cost
        row = cells[len(cells) - cells[::-1].index(line["task"]) - 1 :]
        low, high = percent(sure.low[i]), percent(sure.high[i])
        interval = low if low == high else f"{low} to {high}"
        if line["weight"] > 0:
            parts = [signed(split["anchor"]), signed(split["diversity"])]
            assert row[1:5] == [percent(line["weight"]), interval, *parts]
        else:
            assert row[1] == interval
    assert decision.uncertainty == {
        "draws": 20,
        "level": 0.9,
        "stability": sure.stability,
        "half_width_l1": sure.half_width_l1,
        "covers": drawn_again(study),
        "missing": None,
    }
    shown = json.loads(Reader(page).scripts["dial-data"])["intervals"]
    assert shown["balance"] == 0.5
    assert shown["low"] == pytest.approx(sure.low, abs=1e-6)
    assert shown["high"] == pytest.approx(sure.high, abs=1e-6)


def test_a_task_left_out_is_told_what_would_bring_it_in(cache):
    """Of two near-copies one is left out; at the balance it enters at, it has weight beyond."""
    D = np.full((4, 4), 0.3) - 0.3 * np.eye(4)
    D[0, 1] = D[1, 0] = 0.001
    D[1, 2:] = D[2:, 1] = 0.29
    matrices = {**synthetic_arrays(tasks=tuple("abcd"))["matrices"], "jsd": D}
    study = write_study(cache, tasks=tuple("abcd"), matrices=matrices)
    decision, posed, _, page = made(study, balance=0.0)
    problem = posed.problem
    [out] = [line for line in decision.tasks if line.weight <= 0]
    assert out.task == "b"
    enters, path = out.reason.enters_at, trace(problem)
    assert path.at(enters)[1] == pytest.approx(0, abs=1e-9)
    assert path.at(enters + 0.01)[1] > 0
    cells = Reader(page).cells
    assert cells[-2:] == [f"{enters:.3g}", f"{out.reason.reduced_cost:.3g}"]
    assert cells[-4] == "b"


def test_many_zeros_are_summarised_nearest_first(cache):
    n = 60
    D = np.random.default_rng(0).uniform(0.1, 0.6, (n, n))
    D = np.triu(D, 1) + np.triu(D, 1).T
    names = tuple(f"t{k}" for k in range(n))
    arrays = synthetic_arrays(tasks=names)["matrices"]
    study = write_study(cache, tasks=names, matrices={**arrays, "jsd": D, "base": np.ones(n)})
    decision, *_, page = made(study, balance=1e6)
    costs = sorted(line.reason.reduced_cost for line in decision.tasks if line.weight <= 0)
    cells = Reader(page).cells[3 - 4 * len(costs) :: 4]
    assert cells == [f"{cost:.3g}" for cost in costs]
    assert f"Show the {len(costs) - NEAREST} tasks farther" in page
    left = f"And {len(costs) - NEAREST} tasks farther from coming in; the decision record has them"
    assert left in page
    zeros = [line.task for line in decision.tasks if line.weight <= 0]
    named = f"{len(zeros)} tasks get nothing here: {', '.join(zeros[:NAMED])} and "
    assert f"{named}{len(zeros) - NAMED} more; the decision record has them all." in page
    assert f"Name the other {len(zeros) - NAMED}</summary>" in page
    assert ", ".join(zeros[NAMED:]) + "." in page


def test_many_weights_are_summarised_heaviest_first(cache):
    n = HEAVIEST + 2
    names = tuple(f"t{k}" for k in range(n))
    decision, *_, page = made(write_study(cache, tasks=names), balance=1.0)
    assert "And 2 other tasks; the decision record has them all." in page
    cells = Reader(page).cells
    order = sorted(decision.tasks, key=lambda line: -line.weight)
    assert cells[-5 * n :: 5] == [line.task for line in order]
    assert page.count("<details") == 1


def test_the_dial_inside_holds_the_exact_path(study):
    _, posed, solution, page = made(study)
    problem = posed.problem
    data = json.loads(Reader(page).scripts["dial-data"])
    path = trace(problem)
    assert data["balances"] == path.balances.tolist()
    assert data["balance"] == solution.balance
    for places, weights, exact in zip(data["places"], data["weights"], path.weights, strict=True):
        dense = np.zeros(len(study.names))
        dense[places] = weights
        assert dense == pytest.approx(exact, abs=1e-7)
    assert data["middle"]


def test_where_constraints_forbid_the_anchor_the_dial_marks_no_middle(study):
    *_, page = made(study, floors={study.names[0]: 0.6})
    data = json.loads(Reader(page).scripts["dial-data"])
    assert not data["middle"]
    assert "the limits rule the anchor out" in data["noMiddle"]


def test_the_story_stands_on_the_page_with_its_numbers(study):
    decision, posed, solution, plain = made(study)
    assert 'class="chart step"' not in plain
    assert "data-present" not in plain.split("<script")[0]
    path, graph = trace(posed.problem), task_graph(posed.similarity)
    steps = story(posed, solution, explain(posed.problem, solution, path), graph)
    page = report_page(decision, posed, path, graph, steps=steps, present=True)
    assert re.findall('data-name="([^"]+)"( data-live)?', page) == [
        *((step.name, " data-live" if step.name in LIVE else "") for step in steps),
        (f"decision-{study.slug}-{decision.digest[:12]}.json", ""),
    ]
    for step in steps:
        assert step.sentence in "".join(Reader(page).texts)
    assert "<body data-present" in page
    layout = json.loads(Reader(page).scripts["dial-data"])["layout"]
    assert layout["key"] == decision.digest
    assert np.array(layout["position"]) == pytest.approx(graph.position, abs=1e-4)


def test_hostile_names_and_notes_are_text(cache):
    write_study(cache, tasks=HOSTILE)
    study = list_studies(cache)[0][0]
    words = "".join(HOSTILE)
    decision, *_, page = made(study, notes=words, title=words)
    read = Reader(page)
    assert "img" not in read.tags
    assert read.tags.count("script") == 3
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    record = json.loads(read.scripts["decision"])
    assert [line["task"] for line in record["tasks"]] == list(HOSTILE)
    assert record["notes"] == words
    assert decision.title == words
    for line in decision.tasks:
        assert read.cells.count(line.task) == 1 + (line.weight > 0)
    assert "\u2028" not in read.scripts["decision"]


def test_nothing_in_the_file_points_outside(study):
    *_, page = made(study)
    read = Reader(page)
    for tag, name, value in read.attributes:
        if name in ("src", "href", "action", "srcset"):
            assert value.startswith("data:"), (tag, name, value)
    style = page[page.index("<style>") : page.index("</style>")]
    assert not re.search(r"url\(|@import", style)
    assert not {"link", "iframe", "object", "embed"} & set(read.tags)
    policy = next(v for t, n, v in read.attributes if t == "meta" and v and "default-src" in v)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_equal_questions_give_equal_digests_and_other_words_another(study):
    first, *_ = made(study, notes="a")
    assert first.digest == made(study, notes="a")[0].digest
    assert first.digest != made(study, notes="b")[0].digest
    assert first.digest != made(study, notes="a", balance=0.4)[0].digest


def test_the_comparison_is_the_distance_in_budget(study):
    decision, _, solution, _ = made(study)
    uniform = next(c for c in decision.comparisons if c.name == "uniform")
    assert uniform.moved == pytest.approx(np.abs(solution.p - 1 / len(solution.p)).sum() / 2)
    S = similarity(study).matrix
    this = decision.comparisons[0]
    assert this.within == pytest.approx(solution.p @ S @ solution.p)


def test_no_mixture_no_report(study):
    posed = pose_question(study, Question(floors=0.6))
    with pytest.raises(MixtureError, match="no mixture to report"):
        decide(study, posed, posed.solution())


def test_hostile_text_in_every_field_is_text(study):
    """With every string of a decision hostile the page has the same elements as before."""
    decision, posed, *_ = made(study, notes="n", caps=0.4)

    def hostile(value):
        if isinstance(value, str):
            return value + '"' + "".join(HOSTILE)
        if dataclasses.is_dataclass(value):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            kept = {"name": fields["name"]} if isinstance(value, Alarm) else {}
            return dataclasses.replace(value, **hostile(fields) | kept)
        if isinstance(value, dict):
            return {hostile(k) if ":" in k else k: hostile(v) for k, v in value.items()}
        return tuple(hostile(v) for v in value) if isinstance(value, tuple) else value

    attacked = hostile(decision)
    path = trace(posed.problem)
    plain, page = (Reader(report_page(d, posed, path)) for d in (decision, attacked))
    marks = {"g", "path", "rect", "text", "title", "pattern"}  # long names wrap legends
    assert set(page.tags) == set(plain.tags)
    assert [t for t in page.tags if t not in marks] == [t for t in plain.tags if t not in marks]
    named = [{(tag, name) for tag, name, _ in read.attributes} for read in (page, plain)]
    assert named[0] == named[1]
    assert page.scripts["module"] == plain.scripts["module"]
    assert json.loads(page.scripts["decision"]) == json.loads(attacked.to_json())
    shown = "".join(page.texts)
    assert [a.sentence in shown for a in attacked.alarms] == [True] * len(decision.alarms)
    multipliers, line = attacked.certificate["multipliers"], attacked.tasks[0]
    bound, *_ = [k for k in multipliers if k.startswith("cap:")]
    words = [attacked.title, attacked.notes, attacked.made, bound, line.task, line.family]
    words += [attacked.question[k] for k in ("measure", "anchor", "unit")]
    words += [attacked.study[k] for k in ("slug", "kind", "digest", "content")]
    assert [w for w in words if w not in shown] == []


def test_each_variable_of_the_template_is_given_and_missed_when_it_is_not(study, monkeypatch):
    template, given = ENVIRONMENT.get_template(TEMPLATE), {}
    with monkeypatch.context() as patched:
        patched.setattr(jinja2.Template, "render", lambda _, **context: given.update(context))
        made(study)
    source = ENVIRONMENT.loader.get_source(ENVIRONMENT, TEMPLATE)[0]
    assert set(given) == jinja2.meta.find_undeclared_variables(ENVIRONMENT.parse(source))
    assert template.render(given).startswith("<!doctype html>\n")
    for name in given:
        rest = {key: value for key, value in given.items() if key != name}
        with pytest.raises(jinja2.UndefinedError, match=f"'{name}' is undefined"):
            template.render(rest)


def test_the_template_trusts_only_what_our_own_code_wrote():
    source = ENVIRONMENT.loader.get_source(ENVIRONMENT, TEMPLATE)[0]
    trusted = re.findall(r"\{\{ *([\w.]+) *\| *safe *\}\}", source)
    assert trusted == [
        "style",
        "step.drawing",
        "chart.drawing",
        "dial_json",
        "decision_json",
        "script",
    ]
    assert source.count("|safe") == len(trusted) == len(re.findall(r"\bsafe\b.*\}\}", source))
    assert not re.search(r"autoescape|Markup|tojson|\bfilter\b", source)
    assert ENVIRONMENT.autoescape is True
    assert ENVIRONMENT.from_string("{{ x }}").render(x="<b a=\"'&") == "&lt;b a=&#34;&#39;&amp;"


def test_json_in_the_page_ends_no_element_and_stays_the_same_json():
    value = {"<!--": ["</script>", "a&b", "\u2028\u2029", "é"]}
    text = inert_json(json.dumps(value, ensure_ascii=False))
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == value


def test_the_verb_writes_both_files(study, tmp_path, capsys):
    out, record, notes = tmp_path / "r.html", tmp_path / "r.json", tmp_path / "notes.txt"
    notes.write_text("From a file <b>.\n", encoding="utf-8")
    words = f"report {study.slug} --balance 0.7 --budget 500 --out {out} --record {record}"
    assert main([*words.split(), "--notes-from", str(notes), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(record.read_text(encoding="utf-8"))
    assert printed["notes"] == "From a file <b>."
    assert printed["question"]["balance"] == 0.7
    assert printed["made"]
    assert printed["uncertainty"]["draws"] == 100
    assert all(line["interval"] and line["reason"] for line in printed["tasks"])
    page = out.read_text(encoding="utf-8")
    assert json.loads(Reader(page).scripts["decision"])["digest"] == printed["digest"]


@pytest.mark.slow
def test_the_dashboard_and_the_verb_write_the_same_decision(study, tmp_path):
    record = tmp_path / "r.json"
    words = f"report {study.slug} --balance 0.7 --budget 500 --notes x --out {tmp_path / 'r.html'}"
    assert main([*words.split(), "--record", str(record)]) == 0
    shown = handover(study, View(study.slug, Question("jsd", 0.7, budget=500)), "", "x")
    assert json.loads(shown.record) == json.loads(record.read_text(encoding="utf-8"))


def test_the_verb_reports_an_endless_balance_and_an_infeasible_question(study, tmp_path, capsys):
    words = ["report", study.slug, "--out", str(tmp_path / "r.html")]
    assert main([*words, "--beta", "1", "--lambda", "0"]) == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "λ = 0" in page
    record = json.loads(Reader(page).scripts["decision"])
    assert all(line["interval"] and not line["reason"] for line in record["tasks"])
    assert "How sure the shares are" in page
    assert main([*words, "--floor", "0.9"]) == 2
    assert "No mixture meets these constraints" in capsys.readouterr().err


def test_a_matrix_without_examples_says_why_it_has_no_intervals(cache, tmp_path):
    file, out, record = tmp_path / "two.csv", tmp_path / "r.html", tmp_path / "r.json"
    file.write_text("0,0.3\n0.3,0\n")
    import_matrix(file, kind="divergence")
    assert main(["report", "two", "--out", str(out), "--record", str(record)]) == 0
    kept = json.loads(record.read_text(encoding="utf-8"))
    assert [line["interval"] for line in kept["tasks"]] == [None, None]
    assert kept["uncertainty"]["draws"] is None
    assert "imported as a matrix" in kept["uncertainty"]["missing"]
    page = out.read_text(encoding="utf-8")
    assert kept["uncertainty"]["missing"] in page
    assert json.loads(Reader(page).scripts["dial-data"])["intervals"] is None


def test_a_mixture_that_is_the_reference_itself_gets_no_empty_figure(study):
    here = study.rows / study.rows.sum()
    _, _, solution, itself = made(study, balance=1.0, anchor=here)
    assert solution.p == pytest.approx(here)
    *_, other = made(study)
    assert "the size-proportional mixture itself" not in itself
    assert "of the budget moves away from the size-proportional mixture" in other
    assert itself.count("<figure") == other.count("<figure") - 1


def test_the_first_page_sums_the_decision_up(study):
    decision, posed, solution, plain = made(study)
    told = ("Eight mixtures were <trained> on.", "None is better.")
    page = report_page(decision, posed, trace(posed.problem), trained=told)
    first = page[page.index('<section class="summary">') : page.index("</section>")]
    shares = re.findall(r"<span>([\d.<&lt;]+%)</span>", first)
    assert shares == [percent(p) for p in sorted(solution.p, reverse=True) if p > 0]
    assert "Eight mixtures were &lt;trained&gt; on." in first
    assert "If this mixture is none of those" in first
    assert "No mixture of this study has been trained on yet" in plain
    assert "Train on 1,000 rows" in first
    raised = [a for a in decision.alarms if a.name != "closed-form-invalid"]
    assert ("No alarm was raised." in first) == (not raised)
    assert ("below first" in first) == bool(raised)
    assert page.index("</section>") < page.index('<div id="dial">')


def test_the_first_page_names_the_heaviest_and_counts_the_others(cache):
    names = tuple(f"t{k}" for k in range(20))
    study = write_study(cache, tasks=names)
    decision, *_, page = made(study, balance=1.0)
    told = summary(decision, ())
    heaviest = sorted(decision.tasks, key=lambda line: -line.weight)
    assert [bar.task for bar in told.bars] == [line.task for line in heaviest[: len(told.bars)]]
    left = sum(line.weight for line in heaviest[len(told.bars) :])
    assert told.rest == f"{20 - len(told.bars)} more tasks share the other {percent(left)}."
    assert told.rest in page


def test_what_is_unknown_or_alarming_is_a_step(study):
    decision, *_ = made(study)
    blind = [dataclasses.replace(line, rows=None) for line in decision.tasks]
    alarm = Alarm("unstable", "It moves.", 0.3)
    worse = dataclasses.replace(decision, tasks=tuple(blind), alarms=(alarm,))
    steps = " ".join(summary(worse, ()).steps)
    assert "Read the alarm below first." in steps
    assert "command validate" in steps
    brought = dataclasses.replace(decision, study={**decision.study, "kind": "imported"})
    assert "command validate" not in " ".join(summary(brought, ()).steps)
    weighted = sum(line.weight > 0 for line in blind)
    assert f"Find out the row counts of {weighted} task" in steps


@pytest.mark.slow
def test_the_report_of_a_trained_study_says_what_training_gave(cache, tmp_path):
    study = committed_copy(cache, "starter")
    keep_runs(study, "confirmation-starter")
    out = tmp_path / "r.html"
    assert main(["report", "starter", "--balance", "0.8", "--out", str(out)]) == 0
    text = " ".join("".join(Reader(out.read_text(encoding="utf-8")).texts).split())
    assert len(said := training_outcome(study)) == 3
    assert all(sentence in text for sentence in said)


def test_a_share_has_its_bar_beside_it_not_behind_it():
    style = Path(render.__file__).with_name("report.css").read_text(encoding="utf-8")
    assert "td.share::before" in style
    (cell,) = re.findall(r"^td\.share \{(.*)\}$", style, re.M)
    assert "background" not in cell


def test_the_recommendation_opens_the_page_as_plain_text(study):
    decision, posed, *_ = made(study)
    page = report_page(decision, posed, posed.path, recommended="Train on <all>.")
    assert 0 < page.index("Train on &lt;all&gt;.") < page.index("The decision: ")


@pytest.mark.parametrize("balance", [0.0, 0.6, 1.0, 5.0])
def test_no_balance_is_more_varied_than_what_the_report_calls_most_varied(study, balance):
    decision, posed, _, page = made(study, balance=balance)
    path = trace(posed.problem)
    most = max(effective_numbers(np.array([path.at(r) for r in np.linspace(0, path.last, 999)])))
    mine = decision.certificate["effective_tasks"]
    if "No other balance gives a more varied" in page:
        assert mine >= most - 0.06
        assert f"as varied as {mine:.1f} equal tasks" in page
    else:
        said = re.search(r"most varied at balance [^,]+, as ([0-9.]+) equal.*?as ([0-9.]+)<", page)
        assert float(said[1]) == pytest.approx(most, abs=0.06)
        assert float(said[2]) == pytest.approx(mine, abs=0.06)
        assert mine < most


def test_bounds_that_bind_are_named_and_a_cap_of_zero_is_no_way_in(cache):
    study = write_study(cache, tasks=tuple("abcde"))
    floors, caps = {"a": 0.3, "c": 0.3}, {"b": 0.0, "d": 0.0}
    decision, *_ = made(study, balance=0.2, floors=floors, caps=caps)
    facts = certificate_facts(decision)
    held = {line.task for line in decision.tasks if line.floor and line.weight <= line.floor}
    assert {f"floor:{task}" for task in held} <= set(facts["bounds that bind"].split(", "))
    assert held
    assert facts["closed form"] == "is not this mixture"
    table = left_out_table(decision)
    rows = {cells[0]: cells for cells in (*table.rows, *table.folded)}
    assert [rows[task][-1] for task in "bd"] == ["not allowed"] * 2
    assert list(rows)[-2:] == ["b", "d"] or set(rows) == {"b", "d"}
    if set(rows) == {"b", "d"}:
        assert table.title == "Your limits rule out the 2 tasks left out"


def test_what_is_judged_by_targets_is_not_called_representative(study):
    worth = np.array([1.0, 2.0, 3.0])
    decision, _, _, page = made(study, utility=worth)
    asked = dataclasses.replace(decision, question={**decision.question, "unary": "gain"})
    assert "for usefulness" in certificate_facts(asked)
    assert "towards the right more useful" in page
    data = json.loads(Reader(page).scripts["dial-data"])
    assert (data["rewarded"], data["middle"]) == ("useful", False)
