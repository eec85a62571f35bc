"""What a build will cost, from a plan's numbers alone: units, passes, tokens, time, memory, disk.

The arithmetic of decoder-only transformers: a forward pass costs two floating-point operations a
weight and token, a LoRA training step three passes, and attention 4 x layers x hidden a token and
context token. Which share of a GPU's peak is reached is an assumption (``UTILISATION``), and said.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from taskpgm_core.plans.plan import Expect, Plan
from taskpgm_core.records import PAIRS_OF_TASKS, TOKENS_OF_TASKS

BACKWARD = 3.0
UTILISATION = 0.4
LAUNCHING = {"train": 5.5e-3, "score": 0.84e-3}
"""Seconds a layer that a training step and a batch to score take at least, however small the model:
the processor has to launch every kernel. Measured with a 30-layer model beside an H100."""
FLOAT = 4  # bytes: hidden states and adapters are kept in float32
DEVICES = {  # data sheets: peak dense bfloat16 operations/s, memory in bytes, bytes/s
    "H200": (989e12, 141e9, 4.8e12),
    "H100": (989e12, 80e9, 3.35e12),
    "A100-80GB": (312e12, 80e9, 2.0e12),
    "A100-40GB": (312e12, 40e9, 1.55e12),
    "L40S": (362e12, 48e9, 0.864e12),
}


SMALL = Expect(
    layers=30,
    hidden=576,
    intermediate=1536,
    heads=9,
    key_value_heads=3,
    vocabulary=49152,
    tied_head=True,
    prompt_tokens=1,
    completion_tokens=1,
)
"""The shape of SmolLM2-135M-Instruct; the lengths are to be those of the rows."""
SMALL_SPEED = {"train": 320.0, "score": 800.0}
"""Tokens a second of that model in float32 on two idle CPU cores. The two studies that come along
took 1.01 and 1.63 times as long as this says."""
CHARACTERS = 2.5
"""In a token of short tasks, about; long English prose has up to four."""


@dataclass(frozen=True)
class Estimate:
    """The cost of a build before it runs.

    ``units``, ``left``: by stage, in all and not finished yet; ``tokens``: forward tokens of each
    stage (training before its backward passes); ``seconds`` of each stage that is left, None where
    no speed is known; ``memory``, ``disk``: bytes; ``basis``: what the numbers rest on;
    ``warnings``: sentences on models brought along.
    """

    slug: str
    digest: str | None
    complete: bool
    tasks: int
    models: int
    units: Mapping[str, int]
    left: Mapping[str, int]
    forward_passes: int
    tokens: Mapping[str, float]
    seconds: Mapping[str, float] | None
    memory: float
    disk: float
    device: str
    tokens_per_second: float | None
    basis: str
    warnings: tuple[str, ...] = ()

    @property
    def total_seconds(self) -> float | None:
        return sum(self.seconds.values()) if self.seconds is not None else None


def parameters(shape: Expect) -> dict[str, float]:
    """Weights of the body and of the head of a Llama-like model."""
    narrow = shape.hidden * shape.key_value_heads / shape.heads
    layer = 2 * shape.hidden**2 + 2 * shape.hidden * narrow + 3 * shape.hidden * shape.intermediate
    return {"body": shape.layers * layer, "head": float(shape.hidden * shape.vocabulary)}


def operations(shape: Expect, count: float, context: float, heads: float) -> float:
    """Floating-point operations that ``count`` tokens take forward in texts of ``context`` tokens,
    where the head is asked at ``heads`` of them."""
    weights, attention = parameters(shape), 4 * shape.layers * shape.hidden
    return count * (2 * weights["body"] + attention * context / 2) + 2 * weights["head"] * heads


def _target_shapes(plan: Plan, shape: Expect) -> list[tuple[float, float]]:
    """(in, out) of the plan's target layers in one block, either way round."""
    wide, narrow = shape.intermediate, shape.hidden * shape.key_value_heads / shape.heads
    hidden = shape.hidden
    other = {
        "k_proj": narrow,
        "v_proj": narrow,
        "gate_proj": wide,
        "up_proj": wide,
        "down_proj": wide,
    }
    return [(hidden, other.get(target, hidden)) for target in plan.training.targets]


def adapter_size(plan: Plan, shape: Expect) -> float:
    """Weights of one LoRA adapter on the plan's target layers."""
    sides = sum(a + b for a, b in _target_shapes(plan, shape))
    return shape.layers * plan.training.rank * sides


def copied_weights(plan: Plan, shape: Expect) -> float:
    """Weights that are held twice while a model is scored: adapters are merged into copies."""
    return shape.layers * sum(a * b for a, b in _target_shapes(plan, shape))


def disk_bytes(
    plan: Plan, positions: float, hidden: int, adapter: float, on_targets: float = 0.0
) -> float:
    """Rebuild parts (hidden states, adapters) and the study's own files, before compression.

    ``positions``: supervised ones of the pool; ``on_targets``: of the targets, of which every model
    keeps one number, in its unit and in the study.
    """
    n, seconds = len(plan.tasks), len(plan.second_seeds)
    pairs, models, ends = n * (n - 1) / 2, n + 1 + seconds, 2 if plan.probe.kept else 1
    rebuild = models * positions * (hidden + 1 + 2 * plan.probe.top) * FLOAT
    rebuild += (models - 1) * adapter * FLOAT + _compared(models) * positions * 8 * ends
    study = models * positions * 4 + (n + 1) * positions * 6 * plan.probe.top + n * n * 32
    if n <= PAIRS_OF_TASKS:
        by_replicate = 4 * n if seconds else 0
        study += pairs * 2 * (n * plan.probe.examples_per_task + by_replicate)
    if n <= TOKENS_OF_TASKS:
        study += pairs * 2 * positions
    return rebuild + study + 2 * models * on_targets * FLOAT


def _compared(models: int) -> float:
    """Pairs of models that are compared: all, since replicates of two tasks meet one another."""
    return models * (models - 1) / 2


def expected(plan: Plan, shape: Expect) -> Estimate:
    """The cost from the model's configuration and the rows' expected length, without any weights.

    ``shape`` names the GPU; time is compute at ``UTILISATION`` of its peak, or launching where that
    takes longer, and comparing runs at half of its memory's bandwidth, two float32 reads an entry
    of a pair.
    """
    n, probe, training = len(plan.tasks), plan.probe, plan.training
    seconds = len(plan.second_seeds)
    models, trained = n + 1 + seconds, sum(not t.brought for t in plan.tasks) + seconds
    examples = n * probe.examples_per_task
    scored = examples + len(plan.targets) * probe.examples_per_task
    length = min(shape.prompt_tokens + shape.completion_tokens, training.max_tokens)
    supervised = min(shape.completion_tokens, probe.max_completion_tokens)
    tokens = {
        "train": trained * training.steps * training.batch * length,
        "score": models * scored * (shape.prompt_tokens + supervised),
    }
    batches = -(-examples // probe.batch)
    of_targets = len(plan.targets) * -(-probe.examples_per_task // probe.batch)
    units = {"train": trained, "score": models * (batches + of_targets), "compare": batches}
    spent = _expected_seconds(plan, shape, tokens, units, scored=scored, supervised=supervised)
    return Estimate(
        slug=plan.slug,
        digest=None,
        complete=False,
        tasks=n,
        models=models,
        units=units,
        left=units,
        forward_passes=models * scored,
        tokens=tokens,
        seconds=spent,
        memory=_expected_memory(plan, shape, training.batch * length),
        disk=disk_bytes(
            plan,
            examples * supervised,
            shape.hidden,
            adapter_size(plan, shape),
            on_targets=(scored - examples) * supervised,
        ),
        device=shape.device,
        tokens_per_second=tokens["score"] / spent["score"],
        basis=(
            f"configuration alone, {UTILISATION:.0%} of a {shape.device}'s peak assumed; "
            f"not measured"
        ),
    )


def _expected_seconds(
    plan: Plan,
    shape: Expect,
    tokens: Mapping[str, float],
    units: Mapping[str, int],
    *,
    scored: int,
    supervised: float,
) -> dict[str, float]:
    """Seconds by stage; ``scored`` examples, each with ``supervised`` positions."""
    peak, _, bandwidth = DEVICES[shape.device]
    models = len(plan.tasks) + 1 + len(plan.second_seeds)
    positions = len(plan.tasks) * plan.probe.examples_per_task * supervised
    pairs, kept = _compared(models), plan.probe.kept
    entries = pairs * kept + models * shape.vocabulary if kept else pairs * shape.vocabulary

    def compute(count: float, context: float, heads: float) -> float:
        return operations(shape, count, context, heads) / (UTILISATION * peak)

    length = shape.prompt_tokens + shape.completion_tokens
    steps = units["train"] * plan.training.steps
    answers = steps * plan.training.batch * shape.completion_tokens
    training = BACKWARD * compute(tokens["train"], length, answers)
    scoring = compute(
        tokens["score"], shape.prompt_tokens + supervised, models * scored * supervised
    )
    return {
        "train": max(training, steps * shape.layers * LAUNCHING["train"]),
        "score": max(scoring, units["score"] * shape.layers * LAUNCHING["score"]),
        "compare": compute(0, 0, models * positions)
        + entries * positions * 2 * FLOAT / (0.5 * bandwidth),
    }


def _expected_memory(plan: Plan, shape: Expect, batch_tokens: float) -> float:
    """Bytes of the weights, of the copies that adapters are merged into, and of a training step."""
    width = 4 if plan.dtype == "float32" else 2
    weights = parameters(shape)
    ends = 1 if shape.tied_head else 2  # input embeddings, and an output layer of its own
    resident = weights["body"] + ends * weights["head"] + copied_weights(plan, shape)
    activations = batch_tokens * shape.layers * (16 * shape.hidden + 3 * shape.intermediate)
    return width * (resident + activations)


def small_model_cost(plan: Plan, prompt: float, completion: float) -> tuple[Estimate, float]:
    """The cost of measuring ``plan`` with SmolLM2-135M, by nothing but the length of its rows.

    ``prompt``, ``completion``: mean characters a row. The estimate is for a GPU as in ``expected``;
    the second number is seconds on two CPU cores. Neither needs the model to be here.
    """
    lengths = {
        "prompt_tokens": max(prompt / CHARACTERS, 1.0),
        "completion_tokens": completion / CHARACTERS + 1,  # and the token that ends it
    }
    found = expected(plan, SMALL.model_copy(update=lengths))
    return found, sum(found.tokens[stage] / speed for stage, speed in SMALL_SPEED.items())
