"""How people name a mixture that is there already: an anchor, a pull, what stands beside another.

A reference is a baseline's name, ``task:ID,ID,...`` (these tasks alike), the id of a saved
mixture, or the mixture itself as JSON, {task: weight}. The same words serve the command line and
the address of a page. Files are read where they are named and travel as JSON: no address makes a
server open a file.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from taskpgm_core import store
from taskpgm_core.analysis.saved_mixtures import ID, open_scenario
from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.mixture.baselines import BASELINES, baseline
from taskpgm_core.records import NEVER_TRAINED, Array, Noise, Similarity, Task, read_only

TASKS = "task:"


def tasks_reference(tasks: Sequence[str]) -> str:
    """The reference to a mixture of these tasks alike."""
    if any("," in task for task in tasks):
        return inline_reference(dict.fromkeys(tasks, 1.0 / len(tasks)))
    return TASKS + ",".join(tasks)


def referred_tasks(reference: str, names: Sequence[str]) -> tuple[str, ...]:
    """The tasks that a ``task:`` reference names; none for any other reference."""
    if not reference.startswith(TASKS):
        return ()
    whole = reference.removeprefix(TASKS)
    return (whole,) if whole in names else tuple(name.strip() for name in whole.split(","))


def inline_reference(weights: Mapping[str, float]) -> str:
    """The reference that is the mixture itself."""
    return json.dumps({task: w for task, w in weights.items() if w}, ensure_ascii=False)


def file_reference(file: str | Path, names: Sequence[str], known: Sequence[Task] = ()) -> str:
    """The mixture in a file, as a reference that needs the file no more; MixtureError as read.

    ``known``: what ``store.parse_mixture`` needs of the tasks for files that speak of more.
    """
    p = store.read_mixture(file, names, known)
    return inline_reference(dict(zip(names, p.tolist(), strict=True)))


def is_reference(text: str) -> bool:
    """Whether ``text`` has the form of a reference, whatever it refers to."""
    return text in BASELINES or text.startswith((TASKS, "{")) or bool(ID.fullmatch(text))


def reference_name(reference: str) -> str:
    """What a reference is called where its mixture is named: itself, or a saved one's name."""
    if ID.fullmatch(reference):
        return open_scenario(reference).name
    return "given" if reference.startswith("{") else reference


def check_reference(
    reference: str, names: Sequence[str], tasks: Sequence[Task], targets: Sequence[str] = ()
) -> None:
    """MixtureError where ``reference`` names no mixture over ``tasks``; nothing is computed.

    ``targets``: what is scored beside the tasks, of which there is no mixture.
    """
    if reference in BASELINES:
        rule = BASELINES[reference]
        if rule.moves:
            raise MixtureError(f"'{reference}' depends on the balance itself.")
        if rule.needs_rows and any(task.rows is None for task in tasks):
            raise MixtureError(
                f"'{reference}' needs the rows of every task, which this study does not know; "
                f"import it with --tasks."
            )
    elif reference.startswith(TASKS):
        for name in referred_tasks(reference, names):
            if name in targets:
                raise MixtureError(f"'{name}' is a target: it {NEVER_TRAINED}.")
            if name not in names:
                raise MixtureError(f"'{name}' is no task here{nearest(name, names)}.")
    elif reference.startswith("{"):
        store.parse_mixture(reference.encode(), "the mixture", names)
    elif ID.fullmatch(reference):
        saved = open_scenario(reference)
        if set(saved.tasks) != set(names):
            raise MixtureError(f"The saved mixture “{saved.name}” is over other tasks.")
    else:
        raise MixtureError(
            f"It is no baseline{nearest(reference, BASELINES)}, no task:ID,ID,..., no saved "
            f"mixture's id and no file."
        )


def reference_mixture(
    reference: str,
    similarity: Similarity,
    tasks: Sequence[Task],
    *,
    balance: float = 1.0,
    utility: Array | None = None,
    noise: Noise | None = None,
) -> Array:
    """(n,) the mixture that ``reference`` names over ``tasks``.

    ``balance``: for a baseline that depends on it; ``utility``: (n,) for one that ranks tasks;
    ``noise``: for one that counts skills.
    MixtureError or ScenarioError where it names none.
    """
    names = similarity.tasks
    if reference in BASELINES:
        rows = [task.rows for task in tasks]
        known = None if None in rows else [float(n or 0) for n in rows]
        return baseline(
            reference, similarity, rows=known, balance=balance, utility=utility, noise=noise
        )
    check_reference(reference, names, tasks)
    if reference.startswith(TASKS):
        chosen = referred_tasks(reference, names)
        return read_only([(name in chosen) / len(set(chosen)) for name in names])
    if reference.startswith("{"):
        return store.parse_mixture(reference.encode(), "the mixture", names)
    return open_scenario(reference).over(names)
