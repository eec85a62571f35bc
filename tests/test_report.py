"""The report and the decision record: the same facts, all text as text, nothing from outside."""

import html.parser
import json
import re

import numpy as np
import pytest
from synthetic_study import write_study

from taskpgm_core.__main__ import main
from taskpgm_core.errors import MixtureError
from taskpgm_core.figures.labels import percent
from taskpgm_core.mixture import pose, solve, trace
from taskpgm_core.mixture.alarms import alarms
from taskpgm_core.mixture.budget import allocate
from taskpgm_core.report import decide, report_page
from taskpgm_core.report.markup import element, trusted
from taskpgm_core.store import list_studies, similarity

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "a&b\u2028<!--")


class Reader(html.parser.HTMLParser):
    """Tags, attributes, cells and scripts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.cells = [], [], {}, []
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
        elif self._cell:
            self.cells[-1] += data


def made(study, *, balance=0.5, budget=1000, notes="", title="", **posing):
    problem = pose(similarity(study), **posing)
    solution = solve(problem, balance)
    counted = allocate(solution.p, study.names, budget, rows=study.rows) if budget else None
    raised = alarms(problem, solution)
    decision = decide(
        study, problem, solution, allocation=counted, alarms=raised, notes=notes, title=title
    )
    return decision, problem, solution, report_page(decision, problem, trace(problem))


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
        assert sentence.replace("'", "&#x27;") in page


def test_the_dial_inside_holds_the_exact_path(study):
    _, problem, solution, page = made(study)
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
    assert "constraints" in data["noMiddle"]


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
    problem = pose(similarity(study), floors=0.6)
    with pytest.raises(MixtureError, match="no mixture to report"):
        decide(study, problem, solve(problem, 1.0))


def test_elements_escape_strings_and_keep_markup():
    made_of = element("p", "<b>", [trusted("<i>x</i>"), 'q"'], title='"<')
    assert made_of == '<p title="&quot;&lt;">&lt;b&gt;<i>x</i>q&quot;</p>'


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
    page = out.read_text(encoding="utf-8")
    assert json.loads(Reader(page).scripts["decision"])["digest"] == printed["digest"]


def test_the_verb_reports_an_endless_balance_and_an_infeasible_question(study, tmp_path, capsys):
    words = ["report", study.slug, "--out", str(tmp_path / "r.html")]
    assert main([*words, "--beta", "1", "--lambda", "0"]) == 0
    assert "λ = 0" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert main([*words, "--floor", "0.9"]) == 2
    assert "no mixture to report" in capsys.readouterr().err
