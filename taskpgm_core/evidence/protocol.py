"""The schema of a protocol: which mixtures are trained, how, and what they are judged on."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from taskpgm_core.errors import PlanError, nearest
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.plans.plan import TaskEntry, Training
from taskpgm_core.plans.slug import ARM

PROTOCOLS = Path(__file__).parent / "protocols"
CODE = "1"  # raise it whenever the same protocol would give other numbers


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Arm(_Strict):
    """One competing mixture: a ``baseline`` by name, or the exact mixture at a ``balance``.

    A baseline that has a balance of its own (``authors``) takes it from there too. ``resolution``:
    ``auto`` or a number in the measure's unit; None is the paper's S as measured.
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

    @model_validator(mode="after")
    def _one_kind(self) -> "Arm":
        if self.baseline is None and self.balance is None:
            raise ValueError(f"arm '{self.name}' must name a baseline or a balance")
        if not ARM.fullmatch(self.name):
            raise ValueError(f"arm '{self.name}' must be lower-case letters, digits, . and -")
        return self

    @property
    def digest(self) -> str:
        """Names what the arm is, whatever it is called: part of every run's identity."""
        added = set() if self.resolution is not None else {"resolution"}
        return digest_of(self.model_dump(mode="json", exclude={"name", *added}))[:12]


class Protocol(_Strict):
    """What is trained and judged. A committed protocol is fixed before its runs begin.

    ``budget``: rows a run trains on, once each; ``budget_tokens``: in its place, whole batches of
    the mixture's rows until so many supervised tokens are reached; ``evaluation_rows``: held-out
    rows a task, in neither the probe pool nor any training; ``held_out``: tasks in no mixture;
    ``suites``: public suites that judge too, by lm-evaluation-harness (``suite_rows``: on so many
    rows of each of their tasks; all by default);
    ``dtype``: of the base model, null for the study's own; ``stage``: a confirmation's runs are
    kept apart from the screening that chose its arms, so that their seeds are never pooled.
    """

    name: str
    study: str
    stage: Literal["screening", "confirmation"] = "screening"
    about: str = ""
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    budget: int = Field(default=512, ge=1)
    budget_tokens: int | None = Field(default=None, ge=1)
    evaluation_rows: int = Field(default=24, ge=1)
    training: Training = Training()
    dtype: Literal["bfloat16", "float32", "float16"] | None = None
    held_out: tuple[TaskEntry, ...] = ()
    suites: tuple[str, ...] = ()
    suite_rows: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> "Protocol":
        names = [arm.name for arm in self.arms]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"arm '{twice[0]}' stands more than once")
        if self.budget_tokens is None and self.budget % self.training.batch:
            raise ValueError(f"budget {self.budget} is no multiple of batch {self.training.batch}")
        return self

    def digest(self, study: str) -> str:
        """What a run's numbers depend on, but for arm and seed: one folder of evidence."""
        kept = self.model_dump(mode="json", exclude={"name", "about", "arms", "seeds", "study"})
        if self.stage == "screening":
            kept.pop("stage")
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
        value: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Protocol.model_validate(value)
    except FileNotFoundError:
        raise PlanError(
            f"There is no protocol {path}{nearest(str(path), committed)}; the committed ones are: "
            f"{', '.join(sorted(committed))}."
        ) from None
    except (OSError, yaml.YAMLError) as error:
        raise PlanError(f"The protocol {path} cannot be read: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PlanError(f"{path}: {place}: {first['msg'].removeprefix('Value error, ')}.") from None


def committed_protocols() -> dict[str, Protocol]:
    """The protocols that come with this version, by name."""
    return {p.stem: load_protocol(p) for p in sorted(PROTOCOLS.glob("*.yaml"))}
