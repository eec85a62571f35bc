"""What the READMEs say is so: their plan is valid, their numbers are the studies' own."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from taskpgm_core import store
from taskpgm_core.cli.main import cli
from taskpgm_core.plans.plan import parse_plan
from taskpgm_core.tasks.generated import NEAR_COPIES

ROOT = Path(__file__).parents[1]
CACHE_README = (ROOT / "cache" / "README.md").read_text(encoding="utf-8")


def section(slug):
    return re.search(rf"## `{slug}`\n(.*?)(?=\n## |\Z)", CACHE_README, re.S)[1]


def rows(text):
    """The cells of every table row whose first cell is a task id."""
    lines = (line for line in text.splitlines() if line.startswith("| `"))
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_plan_in_the_readme_is_valid():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    plan = parse_plan(re.search(r"```yaml\n(.*?)```", text, re.S)[1])
    assert [task.id for task in plan.tasks] == ["faq", "sql", "gsm"]


def test_every_file_that_the_readmes_name_exists():
    for name in ("README.md", "cache/README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_every_command_in_the_documentation_can_be_typed():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    typed = re.findall(r"(?:`|^)taskpgm ([a-z][^`\n]*)", text, re.M)
    assert len(typed) > 30
    for command in typed:
        verb, *words = shlex.split(command, comments=True)
        cli.commands[verb].make_context(verb, words)


@pytest.mark.parametrize("slug", ["starter", "bigbench"])
def test_the_cache_readme_holds_the_measured_numbers(slug):
    study = store.open_study(slug, ROOT / "cache")
    losses, noise = store.losses(study), store.noise(study)
    D = store.similarity(study, "jsd").divergence
    text = section(slug)
    said = rows(text.split("### Near-copies")[0])
    assert set(said) == set(study.names)
    for i, task in enumerate(study.tasks):
        count, base, own, nearest, floor = said[task.id]
        j = int(np.argmin(np.where(np.arange(len(D)) == i, np.inf, D[i])))
        assert count == f"{task.rows:,}"
        assert base == f"{losses.per_token[-1, i]:.3f}"
        assert own == f"{losses.per_token[i, i]:.3f}"
        assert nearest == f"{study.names[j]} {D[i, j]:.3f}"
        known = dict(zip(noise.tasks, noise.divergence, strict=True))
        assert floor == f"{known[task.id]:.3f}"
    better = int(losses.beats_base.sum())
    assert better >= 0.9 * len(study.tasks)
    assert f"{better} of {len(study.tasks)} single-task models beat the base model" in text
    off = D[np.triu_indices(len(D), 1)]
    below = int((off <= noise.floor).sum())
    assert f"{below} of {len(off)} pairs" in text
    own = np.array([float(said[name][4]) for name in study.names])
    pairs = list(zip(*np.triu_indices(len(D), 1), strict=True))
    alike = {
        frozenset((study.names[i], study.names[j]))
        for i, j in pairs
        if D[i, j] <= max(own[i], own[j])
    }
    assert f"{len(alike)} of {len(off)} pairs" in text
    said_of = " ".join(text.split("### Near-copies")[0].split())
    for i, j in pairs:
        if frozenset((study.names[i], study.names[j])) in alike:
            assert f"{study.names[i]} and {study.names[j]}" in said_of


def test_near_copies_are_found_as_such():
    study = store.open_study("starter", ROOT / "cache")
    D = store.similarity(study, "jsd").divergence
    np.fill_diagonal(D := D.copy(), np.inf)
    said = rows(section("starter").split("### Near-copies")[1])
    for one, two in NEAR_COPIES:
        i, j = study.names.index(one), study.names.index(two)
        ranks = [int((D[a] < D[a, b]).sum()) + 1 for a, b in ((i, j), (j, i))]
        assert max(ranks) <= 3
        twin, divergence, *shown = said[one]
        assert twin.strip("`") == two
        assert divergence == f"{D[i, j]:.3f}"
        assert shown[:2] == [str(rank) for rank in ranks]


def test_the_python_of_the_readme_runs_and_its_comment_is_true():
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    *lines, last = code.strip().splitlines()
    names: dict = {}
    exec("\n".join(lines), names)
    table = eval(last.partition("  #")[0], names)["weight"]
    assert abs(table["sums"] - table["adding"]) < 1e-9
    assert abs(table["sums"] + table["adding"] - table["poetry"]) < 0.15
