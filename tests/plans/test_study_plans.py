"""The plans of the committed studies: what is known of their skills, and who chose their files."""

import json
from collections import Counter
from pathlib import Path

import pytest

from taskpgm_core.builds.pipeline import gather
from taskpgm_core.errors import SourceError
from taskpgm_core.plans.plan import PLANS, load_plan
from taskpgm_core.records import Example
from taskpgm_core.tasks import bigbench
from tools import bigbench_plan as rule

DATA = Path(__file__).parents[2] / bigbench.FOLDER


def test_bigbench_is_uneven_and_its_families_are_the_parents():
    plan = load_plan("bigbench")
    names = [task.source.removeprefix("bigbench:") for task in plan.tasks]
    assert [task.family for task in plan.tasks] == [name.partition("/")[0] for name in names]
    assert len(set(names)) == len(names)
    sizes = Counter(task.family for task in plan.tasks)
    assert 36 <= len(names) <= 44
    assert len(sizes) >= 14
    assert max(sizes.values()) >= 8
    assert sum(size > 1 for size in sizes.values()) >= 4


@pytest.mark.slow
def test_the_rule_picks_the_files_of_the_plan_from_the_data():
    try:
        files = rule.read_files(DATA)
    except SourceError:
        pytest.skip("the BIG-bench data is not here; make bigbench brings it")
    taken = rule.chosen_files(files)
    assert rule.plan_text(taken) == (PLANS / "bigbench.yaml").read_text(encoding="utf-8")
    assert not rule.shared_examples(taken)
    material = gather(load_plan("bigbench"))  # no probe example is trained on
    assert min(len(split.train_indices) for split in material.splits.values()) >= 190


def write_file(root, name, pairs, **more):
    (root / name).mkdir(parents=True)
    examples = [{"input": question, "target": answer} for question, answer in pairs]
    (root / name / "task.json").write_text(json.dumps({"examples": examples, **more}))


def sums(first, count, word="plus"):
    return [(f"{k} {word} 1", str(k + 1)) for k in range(first, first + count)]


def test_the_rule_on_files_made_for_it(tmp_path):
    for k in range(5):
        write_file(tmp_path, f"sums/{k}", sums(1000 * k, 300, "plus" + "s" * k))
    write_file(tmp_path, "words/all_json", sums(0, 260, "and"))
    write_file(tmp_path, "words/some_json", sums(0, 220, "and"))  # all of them are in words/all
    write_file(tmp_path, "pair/a", sums(0, 200, "then"))
    write_file(tmp_path, "pair/b", [(q, a + "!") for q, a in sums(0, 200, "then")])
    write_file(tmp_path, "few", sums(0, 199, "so"))
    write_file(tmp_path, "repeated", [("the same", "1")] * 300)
    write_file(tmp_path, "long", sums(0, 200, "x" * 251))
    write_file(tmp_path, "one_long", [*sums(0, 200, "y"), ("z" * 401, "1")])
    write_file(tmp_path, "wordy", [(q, "a" * 21) for q, _ in sums(0, 200, "w")])
    write_file(tmp_path, "russian", sums(0, 200, "\u043f\u043b\u044e\u0441"))
    write_file(tmp_path, "prefixed", sums(0, 200, "v"), task_prefix="p" * 260)
    write_file(tmp_path, "without_target", [*sums(0, 200, "u"), ("what", "")])
    files = rule.read_files(tmp_path)
    taken = rule.chosen_files(files)
    assert [file.name for file in taken] == [
        "pair/a",  # the same questions with other answers are other examples
        "pair/b",
        "sums/0",  # three of five: half, rounded up, the shortest
        "sums/1",
        "sums/2",
        "words/all_json",
    ]
    text = rule.plan_text(taken)
    assert "6 files of 3 BIG-bench tasks" in text
    assert '{id: sums-0, source: "bigbench:sums/0", family: sums}' in text
    assert '{id: words, source: "bigbench:words/all_json", family: words}' in text
    shown = rule.table(files, taken)
    assert "words/some_json" in shown
    assert "shares 220 words/all_json" in shown
    assert "9 candidates; 6 files of 3 parents taken." in shown


def test_the_rule_stops_at_its_number_of_files(monkeypatch):
    def made(name, word):
        rows = [Example(*pair) for pair in sums(0, 200, word)]
        return rule.described(name, rows, [row.prompt for row in rows])

    files = [made("big/a", "a"), made("big/b", "bb"), made("x", "ccc"), made("y", "dddd")]
    monkeypatch.setattr(rule, "FILES", 3)
    assert [file.name for file in rule.chosen_files(files)] == ["big/a", "big/b", "x"]


def test_the_dose_is_starter_with_one_skill_in_sixteen_files():
    dose, starter = load_plan("starter-dose"), load_plan("starter")
    shards = [task for task in dose.tasks if task.options]
    assert {task.source for task in shards} == {"generated:add-3-digit"}
    assert [task.options for task in shards] == [{"shard": k, "shards": 16} for k in range(16)]
    assert len({(task.family, task.rows) for task in shards}) == 1
    rest = [task for task in dose.tasks if not task.options]
    assert rest == [t for t in starter.tasks if not t.id.startswith("add-")]
    assert len(dose.tasks) == 40
    assert dose.training == starter.training.model_copy(
        update={"second_seed": dose.training.second_seed}
    )


@pytest.mark.slow
def test_no_row_of_the_dose_stands_in_two_of_its_files():
    material = gather(load_plan("starter-dose"))  # refuses a probe example that is trained on
    seen = [e.prompt for name, rows in material.examples.items() for e in rows if "3-digit" in name]
    assert len(set(seen)) == len(seen) == 16 * 500
