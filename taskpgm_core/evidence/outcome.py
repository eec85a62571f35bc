"""What training on competing mixtures has come to, in words."""

from collections.abc import Mapping, Sequence

from taskpgm_core import store
from taskpgm_core.errors import MixtureError, StoreError
from taskpgm_core.evidence.arms import arm_titles
from taskpgm_core.evidence.statistics import FEWEST, Column, Comparison, compare, judged_by
from taskpgm_core.figures.numbers import counted
from taskpgm_core.findings.evidence import arms_finding, best_finding
from taskpgm_core.records import Study

REFERENCE = "uniform"


def outcome_finding(
    compared: Sequence[Comparison],
    tasks: int,
    *,
    reference: str,
    column: Column = "loss",
    titles: Mapping[str, str] | None = None,
) -> str:
    """Who is surely better or worse than the reference after Holm's correction: a sentence.

    ``tasks``: how many judged; ``titles``: what the arms are called, where not by their names.
    """
    if tasks < FEWEST:
        return f"{tasks} tasks are too few to be sure of any difference"
    if all(c.p is None for c in compared):
        return "The seeds in common are too few to be sure of any difference"
    called = titles or {}
    better: dict[str, float] = {}
    worse: dict[str, float] = {}
    for c in compared:
        if c.sure and c.difference is not None:
            wins = (c.difference < 0) == (column == "loss")
            (better if wins else worse)[called.get(c.arm, c.arm)] = c.difference
    return arms_finding(better, worse, called.get(reference, reference))


def training_outcome(study: Study) -> tuple[str, ...]:
    """What the finished runs under a study say of its tasks' loss; empty where there are none.

    A confirmation speaks before a screening, whose runs only chose what it looks at. Runs that
    are damaged are said to be.
    """
    try:
        known = store.evidence(study)
    except StoreError as error:
        return (f"The finished runs cannot be read. {error}",)
    for card, runs in known:
        tasks = judged_by(runs, study.names, "loss")
        if not tasks or REFERENCE not in set(runs["arm"]):
            continue
        try:
            compared = compare(runs, tasks, reference=REFERENCE)
        except MixtureError:  # a run lacks a task, so these runs compare nothing
            continue
        titles = arm_titles(card["arms"], sorted(set(runs["arm"])))
        seeds = runs["seed"].nunique()
        what = (
            f"{counted(len(compared), 'mixture')} of this study's tasks were trained on, with "
            f"{counted(seeds, 'seed')}, and judged by the loss on held-out rows of "
            f"{counted(len(tasks), 'task')} ({card['stage']})."
        )
        finding = outcome_finding(compared, len(tasks), reference=REFERENCE, titles=titles)
        best = next((c for c in compared if c.difference is not None), None)
        said = [what, f"{finding}."]
        if best is not None and best.difference is not None:
            title = titles[best.arm]
            said.append(best_finding(title, best.difference, best.low, best.high, REFERENCE))
        return tuple(said)
    return ()
