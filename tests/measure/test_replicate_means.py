"""Means over replicates: what is folded unit by unit is what slow loops over all pairs give."""

import numpy as np
import pytest

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.probe_pool import ProbeTokens
from taskpgm_core.measure.replicate_means import ReplicateMeans
from taskpgm_core.measure.tokenization import RenderedExample
from taskpgm_core.measure.work_plan import Agenda
from tests.support.tiny_model import TASKS, tiny_plan

TOKENS = (2, 3, 1, 4, 2, 2, 1, 3, 2)
OWNER = np.array([0, 0, 0, 1, 2, 2, 3, 3, 3])


def agenda_of(second_seed, *, kept=None, joined=(0, 0, 0, 0)) -> Agenda:
    """Four tasks with 3, 1, 2 and 3 probe examples, in batches of two; nothing is loaded."""
    plan = tiny_plan("nowhere")
    tasks = [
        {"source": f"generated:{name}", "joined": g} for name, g in zip(TASKS, joined, strict=True)
    ]
    plan = tiny_plan(
        "nowhere",
        tasks=tasks,
        training={**plan.training.model_dump(), "second_seed": second_seed},
        probe={**plan.probe.model_dump(), "kept": kept},
    )
    examples = tuple(
        RenderedExample((1, 2), tuple(range(count)), ((0, 0),) * count) for count in TOKENS
    )
    pool = ProbeTokens(examples, OWNER, np.arange(len(TOKENS)))
    return Agenda(plan, None, {}, pool, 2)


def folded(agenda: Agenda, lower, upper) -> ReplicateMeans:
    means = ReplicateMeans(agenda, by_task=True)
    for batch in agenda.batches:
        for joining in agenda.joinings:
            some = np.ix_(joining.rows, batch.places)
            found = {"jsd": lower[some]}
            means.add(batch, joining, found | ({"upper": upper[some]} if upper is not None else {}))
    means.finish()
    return means


@pytest.mark.parametrize("second_seed", ["all", [], ["boolean"], ["reverse-letters", "boolean"]])
@pytest.mark.parametrize("kept", [None, 3])
@pytest.mark.parametrize("joined", [(0, 0, 0, 0), (0, 0, 0, 1), (0, 1, 0, 2)])
def test_means_are_those_of_loops_over_all_pairs_of_models(second_seed, kept, joined):
    agenda = agenda_of(second_seed, kept=kept, joined=joined)
    rng = np.random.default_rng(3)
    count = len(agenda.models)
    assert len(agenda.pairs) == count * (count - 1) // 2
    lower = rng.uniform(0.01, 0.3, (len(agenda.pairs), sum(TOKENS)))
    upper = lower + 0.1 if kept else None
    means = folded(agenda, lower, upper)

    between = {}
    for row, (i, j) in enumerate(agenda.pairs):
        between[agenda.models[i], agenda.models[j]] = row
        between[agenda.models[j], agenda.models[i]] = row
    models = {name: [m for m in agenda.models if m.task == name] for name in (*TASKS, None)}
    [base] = models[None]
    owner = np.repeat(OWNER, TOKENS)
    row = 0
    for i, first in enumerate(TASKS):
        for second in TASKS[i + 1 :]:
            rows = [between[a, b] for a in models[first] for b in models[second]]
            assert len(rows) in (1, 2, 4)
            np.testing.assert_allclose(means.divergence[row], lower[rows].mean(axis=0))
            if kept:
                np.testing.assert_allclose(means.upper[row], upper[rows].mean(axis=0))
            for r in range(2):
                for s in range(2):
                    found = means.by_task[row, 2 * r + s]
                    if r >= len(models[first]) or s >= len(models[second]):
                        assert np.isnan(found).all()
                        continue
                    values = lower[between[models[first][r], models[second][s]]]
                    for task in range(4):
                        lengths = np.repeat(TOKENS, TOKENS)[owner == task]
                        wanted = np.average(values[owner == task], weights=1 / lengths)
                        assert found[task] == pytest.approx(wanted)
            row += 1
        rows = [between[a, base] for a in models[first]]
        np.testing.assert_allclose(means.base[i], lower[rows].mean(axis=0))
    for k, name in enumerate(agenda.plan.second_seeds):
        values = lower if upper is None else upper
        np.testing.assert_array_equal(means.noise[k], values[between[tuple(models[name])]])
    assert len(means.noise) == len(agenda.plan.second_seeds)


@pytest.mark.parametrize(("wrong", "said"), [(0.7, "0.7"), (np.nan, "nan")])
def test_a_divergence_that_cannot_be_names_its_models(wrong, said):
    agenda = agenda_of("all")
    D = np.full((len(agenda.pairs), sum(TOKENS)), 0.1)
    D[2, 5] = wrong  # of the first task's model and the fourth's
    with pytest.raises(MeasurementError, match=rf"'add-2-digit' and .*'reverse-letters' is {said}"):
        folded(agenda, D, None)


def test_a_second_model_that_is_the_base_is_named():
    agenda = agenda_of(["boolean"])
    D = np.full((len(agenda.pairs), sum(TOKENS)), 0.1)
    D[agenda.pairs.index((4, 5))] = 0.0  # the base and the second seed
    with pytest.raises(MeasurementError, match="'boolean' answers exactly like the base"):
        folded(agenda, D, None)
