"""The schema of a protocol: which mixtures are trained, how, and what they are judged on."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from taskpgm_core.errors import PlanError, nearest
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.files.yaml_text import fault, loaded
from taskpgm_core.plans.plan import TaskEntry, Training
from taskpgm_core.plans.slug import ARM
from taskpgm_core.records import Study, Task

PROTOCOLS = Path(__file__).parent / "protocols"
CODE = "1"  # raise it whenever the same protocol would give other numbers


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Arm(_Strict):
    """One competing mixture: a ``baseline`` by name, or the exact mixture at a ``balance``.

    A baseline that has a balance of its own (``authors``) takes it from there too. ``resolution``:
    ``auto`` or a number in the measure's unit; None is the paper's S as measured. ``weights``: in
    place of both, a mixture brought along, {task: share}, where tasks left out get nothing.
    ``budget``: rows of this arm alone, in place of the protocol's.
    """

    name: str
    baseline: str | None = None
    balance: float | None = Field(default=None, ge=0)
    resolution: float | Literal["auto"] | None = None
    measure: str = "jsd"
    anchor: Literal["uniform", "proportional"] = "uniform"
    unary: Literal["representativeness", "gain"] = "representativeness"
    floor: float | None = Field(default=None, ge=0, le=1)
    cap: float | None = Field(default=None, ge=0, le=1)
    weights: dict[str, float] | None = None
    budget: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_kind(self) -> "Arm":
        if self.baseline is None and self.balance is None and self.weights is None:
            raise ValueError(
                f"arm '{self.name}' must name a baseline or a balance, or bring weights"
            )
        solved = self.baseline or self.balance is not None or self.measure != "jsd"
        if self.weights is not None and solved:
            raise ValueError(
                f"arm '{self.name}' has weights, so it takes no baseline, balance or measure"
            )
        if not ARM.fullmatch(self.name):
            raise ValueError(f"arm '{self.name}' must be lower-case letters, digits, . and -")
        return self

    @property
    def solved_by(self) -> tuple[str, ...]:
        """The settings that differ from their defaults and that only a solved mixture heeds."""
        names = ("resolution", "anchor", "unary", "floor", "cap")
        return tuple(n for n in names if getattr(self, n) != type(self).model_fields[n].default)

    @property
    def digest(self) -> str:
        """Names what the arm is, whatever it is called: part of every run's identity."""
        added = {k for k in ("resolution", "weights", "budget") if getattr(self, k) is None}
        return digest_of(self.model_dump(mode="json", exclude={"name", *added}))[:12]


class Hypothesis(_Strict):
    """That ``arm`` keeps more of the gain than ``against``; ``order``: when it is tested.

    Orders count through all protocols of a confirmation, whatever study each is of.
    """

    order: int = Field(ge=1)
    arm: str
    against: str = "uniform"


class Protocol(_Strict):
    """What is trained and judged. A committed protocol is fixed before its runs begin.

    ``budget``: rows a run trains on, once each; ``budget_tokens``: in its place, whole batches of
    the mixture's rows until so many supervised tokens are reached; ``evaluation_rows``: held-out
    rows a task, in neither the probe pool nor any training; ``held_out``: tasks in no mixture;
    ``suites``: public suites that judge too, by lm-evaluation-harness (``suite_rows``: on so many
    rows of each of their tasks; all by default);
    ``dtype``: of the base model, null for the study's own; ``stage``: a confirmation's runs are
    kept apart from the screening that chose its arms, so that their seeds are never pooled;
    ``tuning``: empty, or whose runs these are: the ``rounds`` of all tunings, or one's fresh seeds.

    ``skills``: what judges are averaged into, files first: ``families``, or groups of tasks (others
    stand alone). Runs are then judged by the share of the single-task models' gain that they keep,
    and ``evaluation_rows`` is at least ``skill_rows`` a skill, of rows that no single-task model
    was trained on. ``hypotheses``: what is tested, in order; ``worth_finding``: the difference in
    kept share that the number of seeds is chosen for.
    """

    name: str
    study: str
    stage: Literal["screening", "confirmation"] = "screening"
    tuning: str = ""
    about: str = ""
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    budget: int = Field(default=512, ge=1)
    budget_tokens: int | None = Field(default=None, ge=1)
    evaluation_rows: int = Field(default=24, ge=1)
    training: Training = Training()
    dtype: Literal["bfloat16", "float32", "float16"] | None = None
    held_out: tuple[TaskEntry, ...] = ()
    skills: Literal["families"] | tuple[tuple[str, ...], ...] | None = None
    skill_rows: int | None = Field(default=None, ge=1)
    hypotheses: tuple[Hypothesis, ...] = ()
    worth_finding: float = Field(default=0.03, gt=0, lt=1)
    suites: tuple[str, ...] = ()
    suite_rows: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> "Protocol":
        names = [arm.name for arm in self.arms]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"arm '{twice[0]}' stands more than once")
        for arm in self.arms:
            if (arm.baseline or arm.weights is not None) and arm.solved_by:
                raise ValueError(
                    f"arm '{arm.name}' names a baseline or brings weights, so it takes no "
                    f"{' and no '.join(arm.solved_by)}"
                )
        if self.budget_tokens is not None and any(arm.budget for arm in self.arms):
            raise ValueError("an arm's budget is in rows, so it goes with no budget_tokens")
        for rows in (self.budget, *(arm.budget or self.budget for arm in self.arms)):
            if self.budget_tokens is None and rows % self.training.batch:
                raise ValueError(f"budget {rows} is no multiple of batch {self.training.batch}")
        if self.skill_rows is not None and self.skills is None:
            raise ValueError("skill_rows needs skills: families, or groups of tasks")
        if isinstance(self.skills, tuple):
            members = [task for group in self.skills for task in group]
            twice = sorted({t for t in members if members.count(t) > 1})
            if twice:
                raise ValueError(f"task '{twice[0]}' is in two skills")
        for hypothesis in self.hypotheses:
            for name in (hypothesis.arm, hypothesis.against):
                if name not in names:
                    raise ValueError(f"a hypothesis names '{name}', which is no arm")
        if self.hypotheses and self.skills is None:
            raise ValueError("hypotheses are about the gain that skills keep, so name the skills")
        return self

    def skill_of(self, tasks: Sequence[TaskEntry | Task]) -> dict[str, str]:
        """{task: skill} of ``tasks``; a task of no family or group is a skill of its own."""
        if isinstance(self.skills, tuple):
            return {t.id: t.id for t in tasks} | {
                task: " + ".join(group) for group in self.skills for task in group
            }
        return {task.id: task.family or task.id for task in tasks}

    def digest(self, study: str) -> str:
        """What a run's numbers depend on, but for arm and seed: one folder of evidence."""
        kept = self.model_dump(mode="json", exclude={"name", "about", "arms", "seeds", "study"})
        kept["training"]["second_seed"] = []  # a run trains one model
        for key in ("hypotheses", "worth_finding"):
            kept.pop(key)
        for key in ("skills", "skill_rows"):
            if kept[key] is None:
                kept.pop(key)
        if self.stage == "screening":
            kept.pop("stage")
        if not self.tuning:
            kept.pop("tuning")
        kept.pop("budget_tokens" if self.budget_tokens is None else "budget")
        if not self.suites:
            kept.pop("suites")
        if not self.suites or self.suite_rows is None:
            kept.pop("suite_rows")
        for task in kept["held_out"]:
            task.pop("joined")
        return digest_of({"protocol": kept, "study": study, "code": CODE})


def load_protocol(path: str | Path) -> Protocol:
    """A checked protocol from a file, or by a committed one's name; PlanError in one sentence."""
    path = Path(path)
    committed = {p.stem: p for p in PROTOCOLS.glob("*.yaml")}
    path = committed.get(str(path), path) if not path.exists() else path
    try:
        value = loaded(path.read_text(encoding="utf-8"))
        return Protocol.model_validate(value)
    except FileNotFoundError:
        raise PlanError(
            f"There is no protocol {path}{nearest(str(path), committed)}; the committed ones are: "
            f"{', '.join(sorted(committed))}."
        ) from None
    except yaml.YAMLError as error:
        raise PlanError(f"The protocol {path} is {fault(error)}.") from None
    except UnicodeDecodeError:
        raise PlanError(f"The protocol {path} is not text in UTF-8; save it as UTF-8.") from None
    except OSError as error:
        raise PlanError(f"The protocol {path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PlanError(f"{path}: {place}: {first['msg'].removeprefix('Value error, ')}.") from None


def with_arms(protocol: Protocol, arms: Sequence[Arm]) -> Protocol:
    """The protocol with more arms; PlanError where that contradicts it."""
    value = protocol.model_dump() | {"arms": [a.model_dump() for a in (*protocol.arms, *arms)]}
    try:
        return Protocol.model_validate(value)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise PlanError(f"{protocol.name}: {said}.") from None


def skills_warning(protocol: Protocol, study: Study) -> str:
    """Which names in the protocol's skills are no task that is judged, in one sentence."""
    if not isinstance(protocol.skills, tuple):
        return ""
    named = [task for group in protocol.skills for task in group]
    tasks = [*study.names, *(task.id for task in protocol.held_out)]
    free = set(tasks) - set(named)
    strange = [f"'{name}'{nearest(name, free)}" for name in named if name not in tasks]
    if not strange:
        return ""
    return (
        f"The skills of {protocol.name} name {', '.join(strange)}, which {study.slug} has no task "
        f"of; they count for nothing."
    )


def hypotheses_warning(protocol: Protocol, study: Study) -> str:
    """That hypotheses of one's own are not tested, in one sentence: by its settings the runs lie
    where a committed protocol keeps its runs, and that one states them."""
    committed = committed_as(protocol.digest(study.digest), study)
    if committed is None or protocol.hypotheses in ((), committed.hypotheses):
        return ""
    return (
        f"The hypotheses of {protocol.name} are not tested: its runs lie with those of "
        f"{committed.name}, which has the same settings and states what is tested."
    )


def protocol_card(protocol: Protocol, study: Study) -> dict[str, Any]:
    """What an evidence folder says of the protocol of its runs, and of those that are planned.

    Where the committed protocol keeps its runs in the same folder, arms of its names and the
    hypotheses are its own, whatever a protocol of one's own has in their place.
    """
    committed = committed_as(protocol.digest(study.digest), study)
    told = committed.model_copy(update={"study": protocol.study}) if committed else protocol
    arms = (*protocol.arms, *(committed.arms if committed else ()))
    return {
        "protocol": told.model_dump(mode="json", exclude={"arms", "seeds", "name"}),
        "planned": {
            "arms": {arm.name: arm.digest for arm in arms},
            "seeds": list(protocol.seeds),
        },
    }


@cache
def committed_protocols() -> Mapping[str, Protocol]:
    """The protocols that come with this version, by name."""
    return {p.stem: load_protocol(p) for p in sorted(PROTOCOLS.glob("*.yaml"))}


def committed_as(folder: str, study: Study) -> Protocol | None:
    """The committed protocol whose runs a study's evidence ``folder`` keeps, by its digest."""
    known = committed_protocols().values()
    return next((p for p in known if p.digest(study.digest)[:12] == folder[:12]), None)
