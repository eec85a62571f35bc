"""The schema of a plan: a YAML file that determines a study, checked before anything runs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from taskpgm_core.errors import PlanError, look_alikes, nearest
from taskpgm_core.files.packed import plain_name
from taskpgm_core.files.yaml_text import fault, loaded
from taskpgm_core.plans.slug import SLUG, checked_slug
from taskpgm_core.records import NEVER_TRAINED, Study

PLANS = Path(__file__).parent
PLAIN_TEMPLATE = "{prompt}\n"
ROW_FILE = re.compile(r"\.(jsonl|ndjson|json|csv|tsv|parquet)$", re.IGNORECASE)
"""The endings of a file of rows, which are no part of its task's name."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceEntry(_Strict):
    """Where examples come from, and what they are called; the source's name by default."""

    source: str
    id: str = ""
    family: str = ""
    rows: int | None = Field(default=None, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"source": value}
        if isinstance(value, dict) and value.get("id") in (None, ""):
            kind, _, name = str(value.get("source", "")).partition(":")
            if kind == "file":
                name = ROW_FILE.sub("", plain_name(Path(name).name)) or name
            elif name.endswith(".jsonl"):
                name = Path(name).stem
            value = {**value, "id": name}
        return value

    @model_validator(mode="after")
    def _has_id(self) -> Self:
        if not self.id.strip() and ":" not in self.source:
            raise ValueError(
                f"'{self.source}' says not where it is; write file:{self.source}, or begin with "
                f"hub:, bigbench: or generated:"
            )
        if not self.id.strip():
            raise ValueError(f"what comes from '{self.source}' has no id; add one")
        return self


class TaskEntry(SourceEntry):
    """One task: where its examples come from and, if it was trained elsewhere, its model.

    ``adapter`` (a LoRA adapter) or ``checkpoint`` (a full model) is a folder or hub id to measure
    instead of training one here. ``joined``: 0, or the how-manieth add-task brought it.
    """

    adapter: str | None = None
    checkpoint: str | None = None
    joined: int = Field(default=0, ge=0)

    @property
    def brought(self) -> bool:
        """Whether its model was trained elsewhere."""
        return bool(self.adapter or self.checkpoint)

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if self.adapter and self.checkpoint:
            raise ValueError(f"task '{self.id}' names an adapter and a checkpoint; keep one")
        return self


class TargetEntry(SourceEntry):
    """One target: examples that every model is scored on and that none is trained on."""

    @model_validator(mode="before")
    @classmethod
    def _no_model(cls, value: Any) -> Any:
        for key in ("adapter", "checkpoint", "joined"):
            if isinstance(value, dict) and key in value:
                raise ValueError(f"a target {NEVER_TRAINED}, so it has no {key}; remove {key}")
        return value


class Training(_Strict):
    """How the single-task models are fine-tuned: LoRA, completion-only loss, linear decay.

    ``second_seed``: tasks that are trained again from another seed, or all (``Plan.second_seeds``).
    """

    rank: int = Field(default=8, ge=1)
    alpha: int = Field(default=16, ge=1)
    targets: tuple[str, ...] = ("q_proj", "v_proj", "up_proj", "down_proj")
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_steps: int = Field(default=2, ge=0)
    steps: int = Field(default=24, ge=1)
    batch: int = Field(default=8, ge=1)
    max_tokens: int = Field(default=256, ge=8)
    second_seed: Literal["all"] | tuple[str, ...] = "all"

    @field_validator("second_seed", mode="before")
    @classmethod
    def _all_or_some(cls, value: Any) -> Any:
        if value != "all" and not isinstance(value, (list, tuple)):
            raise ValueError(f"second_seed is all or a list of task ids, not {value!r}")
        return value


class Adaptive(_Strict):
    """Probe examples measured in rounds, until the mixture is sure enough or they end.

    ``first``: examples of each task in the first round; every further one brings ``step`` a task
    on average, where the mixture at ``balance`` is least sure. ``target_half_width``: the
    bootstrap's 90% L1 half-width of that mixture, over probe examples alone, at which measuring
    stops.
    """

    first: int = Field(default=4, ge=2)
    step: int = Field(default=1, ge=1)
    target_half_width: float = Field(gt=0, lt=2)
    balance: float = Field(default=0.5, ge=0, allow_inf_nan=False)

    @field_validator("balance")
    @classmethod
    def _open(cls, balance: float) -> float:
        if balance == 1.0:
            raise ValueError(
                "at balance 1 the mixture is the anchor whatever is measured; name another balance"
            )
        return balance


class Probe(_Strict):
    """The common probe pool: held-out examples, evenly over tasks.

    ``examples_per_task``: 0 holds none out, for a study by words alone that models never see.
    ``kept``: compare models on the base model's so many likeliest tokens a context and one bucket
    for the rest, which gives every divergence a lower and an upper bound; None is exact.
    ``adaptive``: measure them in rounds, of which ``examples_per_task`` is the end; None is all.
    """

    examples_per_task: int = Field(default=24, ge=0)
    max_completion_tokens: int = Field(default=16, ge=1)
    batch: int = Field(default=16, ge=1)
    top: int = Field(default=5, ge=1, le=32)
    kept: int | None = Field(default=None, ge=1)
    adaptive: Adaptive | None = None

    @model_validator(mode="after")
    def _enough(self) -> "Probe":
        if self.adaptive and self.adaptive.first > self.examples_per_task:
            raise ValueError(
                f"adaptive.first is {self.adaptive.first}, but examples_per_task holds out only "
                f"{self.examples_per_task}"
            )
        return self


class Expect(_Strict):
    """What a dry run goes by where weights and data are not at hand; not part of the digest.

    The shape of a Llama-like model as its ``config.json`` gives it, the mean tokens of a row, and
    the GPU that the time is estimated for.
    """

    layers: int = Field(ge=1)
    hidden: int = Field(ge=1)
    intermediate: int = Field(ge=1)
    heads: int = Field(ge=1)
    key_value_heads: int = Field(ge=1)
    vocabulary: int = Field(ge=2)
    tied_head: bool = False
    prompt_tokens: float = Field(gt=0)
    completion_tokens: float = Field(gt=0)
    device: Literal["H200", "H100", "A100-80GB", "A100-40GB", "L40S"] = "H100"


class Plan(_Strict):
    """Everything that determines a study. The same plan gives the same digest.

    ``targets`` are scored and never trained on; they are outside the probe pool.
    """

    slug: str
    base: str
    tasks: tuple[TaskEntry, ...]
    template: str = PLAIN_TEMPLATE
    dtype: Literal["bfloat16", "float32", "float16"] = "bfloat16"
    threads: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)
    training: Training = Training()
    probe: Probe = Probe()
    folders: dict[str, str] = Field(default_factory=dict)
    publish_text: bool = False
    expect: Expect | None = None
    about: str = ""
    targets: tuple[TargetEntry, ...] = ()

    @field_validator("slug")
    @classmethod
    def _slug(cls, slug: str) -> str:
        if not SLUG.fullmatch(slug):
            raise ValueError(
                f"slug '{slug}' must be 1 to 48 lower-case letters, digits and hyphens"
            )
        return slug

    @field_validator("template")
    @classmethod
    def _template(cls, template: str) -> str:
        if template != "chat" and "{prompt}" not in template:
            raise ValueError("template must be 'chat' or a text that holds {prompt}")
        return template

    @model_validator(mode="after")
    def _consistent(self) -> "Plan":
        for _, reason in contradictions(self.tasks, self.training, self.targets):
            raise ValueError(reason)
        return self

    @property
    def second_seeds(self) -> tuple[str, ...]:
        """The tasks of which a second model is trained: ``all`` are all that are trained here."""
        named = self.training.second_seed
        if isinstance(named, str):
            return tuple(task.id for task in self.tasks if not task.brought)
        return named

    def normalised(self) -> dict[str, Any]:
        """What the digest covers: all but the name, notes, threads and places on this machine."""
        plan = self.model_dump(mode="json")
        plan["training"]["second_seed"] = list(self.second_seeds)
        for key in ("slug", "about", "threads", "folders", "publish_text", "expect"):
            plan.pop(key)
        for task in plan["tasks"]:
            for key in ("adapter", "checkpoint", *(() if task["joined"] else ("joined",))):
                task.pop(key)
        for key in ("kept", "adaptive"):
            if plan["probe"][key] is None:
                plan["probe"].pop(key)
        if not plan["targets"]:
            plan.pop("targets")
        return plan


def contradictions(
    tasks: Sequence[TaskEntry], training: Training, targets: Sequence[TargetEntry] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """(place, reason) of each thing in a plan that does not go together."""
    ids = [task.id for task in tasks]
    if len(ids) < 2:
        yield ("tasks",), f"a study compares at least 2 tasks, but tasks lists {len(ids)}"
    for twice in sorted({i for i in ids if ids.count(i) > 1}):
        again = len(ids) - 1 - ids[::-1].index(twice)
        yield ("tasks", again), f"task id '{twice}' stands more than once; give one another id"
    if twins := look_alikes((*dict.fromkeys(ids), *(target.id for target in targets))):
        reason = f"the ids {twins[0]!a} and {twins[1]!a} look alike to a reader; rename one"
        yield ("tasks",), reason
    scored: set[str] = set()
    for k, target in enumerate(targets):
        if target.id in ids:
            reason = f"target '{target.id}' has the id of a task; give one of them another id"
            yield ("targets", k), reason
        elif target.id in scored:
            reason = f"target id '{target.id}' stands more than once; give one another id"
            yield ("targets", k), reason
        scored.add(target.id)
    named = () if isinstance(training.second_seed, str) else training.second_seed
    brought = {task.id for task in tasks if task.brought}
    for k, name in enumerate(named):
        reason = ""
        if name in scored - {*ids}:
            reason = f"second_seed names '{name}', which is a target: it {NEVER_TRAINED}"
        elif name not in ids:
            reason = f"second_seed names '{name}', which is no task{nearest(name, ids)}"
        elif name in brought:
            reason = (
                f"second_seed names '{name}', whose model is brought along; one trained here would "
                f"differ in more than its seed, so leave it out"
            )
        elif name in named[:k]:
            reason = f"second_seed names '{name}' more than once; name it once"
        if reason:
            yield ("training", "second_seed", k), reason


def fault_sentence(first: ErrorDetails, where: str) -> str:
    """What is wrong at one place of a plan."""
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        sections: dict[Any, type[BaseModel]] = {
            "tasks": TaskEntry,
            "targets": TargetEntry,
            "training": Training,
            "probe": Probe,
            "adaptive": Adaptive,
            "expect": Expect,
        }
        inside = reversed(first["loc"][:-1])
        known = next((sections[key] for key in inside if key in sections), Plan)
        guess = nearest(str(first["loc"][-1]), known.model_fields)
        return f"{where}: unknown key '{place}'{guess}; remove or mend it."
    reason = first["msg"].removeprefix("Value error, ")
    return f"{where}: {place + ': ' if place else ''}{reason}."


def parse_plan(text: str, where: str = "plan") -> Plan:
    """A checked plan from YAML text; raises PlanError with one sentence."""
    return checked_plan(plan_mapping(text, where), where)


def checked_plan(value: Mapping[str, Any], where: str) -> Plan:
    """A checked plan from a mapping; raises PlanError with one sentence."""
    try:
        return Plan.model_validate(value)
    except ValidationError as error:
        raise PlanError(fault_sentence(error.errors()[0], where)) from None


def plan_mapping(text: str, where: str) -> dict[str, Any]:
    """The mapping that YAML text holds, unchecked; raises PlanError with one sentence."""
    try:
        value = loaded(text)
    except yaml.YAMLError as error:
        raise PlanError(f"{where} is {fault(error)}.") from None
    if not isinstance(value, dict):
        raise PlanError(f"{where} must be a YAML mapping with slug, base and tasks.")
    return value


def plan_of(study: Study) -> Plan:
    """The plan a study was built from; PlanError for an import."""
    if study.plan is None:
        raise PlanError(f"{study.slug} {study.without_models}, so it has no plan.")
    return checked_plan(study.plan, study.slug)


def load_plan(path: str | Path) -> Plan:
    """A checked plan from a file, or by the name of a committed one (``starter``)."""
    path = Path(path)
    committed = {p.stem: p for p in PLANS.glob("*.yaml")}
    if not path.exists() and str(path) in committed:
        path = committed[str(path)]
    try:
        text = path.read_text(encoding="utf-8")
    except IsADirectoryError:
        raise PlanError(f"{path} is a folder; name the plan's YAML file.") from None
    except FileNotFoundError:
        known = ", ".join(sorted(committed))
        raise PlanError(
            f"There is no plan {path}{nearest(str(path), committed)}; "
            f"give a YAML file or one of the committed plans: {known}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"The plan {path} cannot be read: {error}.") from None
    return parse_plan(text, str(path))


def self_contained(plan: Plan) -> bool:
    """Whether a build reads no file and no hub: this project generates all of the plan's tasks and
    its base model comes from an installed package."""
    kind, _, name = plan.base.partition(":")
    package = name.partition("/")[0]
    here = kind == "package" and bool(package) and find_spec(package) is not None
    entries = (*plan.tasks, *plan.targets)
    return here and all(entry.source.startswith("generated:") for entry in entries)


def renamed(plan: Plan, slug: str) -> Plan:
    """The same plan, hence the same digest, under another slug."""
    return plan.model_copy(update={"slug": checked_slug(slug)})
