"""All that is wrong with a plan at once, each with its line, for whoever is writing one."""

from collections.abc import Sequence
from dataclasses import dataclass

import yaml
from pydantic import ValidationError

from taskpgm_core.errors import PlanError
from taskpgm_core.plans.plan import (
    Plan,
    TargetEntry,
    TaskEntry,
    Training,
    contradictions,
    fault_sentence,
    plan_mapping,
)


@dataclass(frozen=True)
class PlanFault:
    """``sentence``: what is wrong; ``line``: where in the text, from 1; None where it has none."""

    line: int | None
    sentence: str


def plan_faults(text: str) -> tuple[PlanFault, ...]:
    """Every fault of a plan in YAML text, by line; empty where ``parse_plan`` takes it.

    What does not go together (an id twice, a second seed of no task) shows once each part alone is
    sound; text that is no YAML has one fault.
    """
    try:
        value = plan_mapping(text, "The plan")
    except PlanError as error:
        return (PlanFault(None, str(error)),)
    try:
        Plan.model_validate(value)
    except ValidationError as error:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        found = [(tuple(first["loc"]), fault_sentence(first, "")) for first in error.errors()]
        if [place for place, _ in found] == [()]:
            tasks = [TaskEntry.model_validate(task) for task in value["tasks"]]
            training = Training.model_validate(value.get("training", {}))
            targets = [TargetEntry.model_validate(target) for target in value.get("targets", ())]
            found = [(p, f"{reason}.") for p, reason in contradictions(tasks, training, targets)]
        faults = [PlanFault(_line(root, place), s.removeprefix(": ")) for place, s in found]
        return tuple(sorted(faults, key=lambda fault: fault.line or 0))
    return ()


def _line(node: yaml.Node | None, place: Sequence[str | int]) -> int | None:
    """The line, from 1, of the last part of ``place`` that the text has."""
    if node is None:
        return None
    line: int = node.start_mark.line + 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            known = {key.value: (key, value) for key, value in node.value}
            if part not in known:
                break
            key, node = known[part]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            inner: yaml.Node = node.value[part]
            line, node = inner.start_mark.line + 1, inner
        else:
            break
    return line
