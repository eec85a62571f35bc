"""What a build will cost, counted on this machine where weights and data are here."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskpgm_core.builds.cost_model import Estimate, disk_bytes, expected
from taskpgm_core.builds.material import check_probes, check_words
from taskpgm_core.builds.pipeline import Prepared, engine_for, prepare
from taskpgm_core.plans.plan import Plan
from taskpgm_core.store import cache_root, finished

if TYPE_CHECKING:
    from taskpgm_core.measure import Speed


def preview(
    plan: Plan,
    *,
    root: Path | None = None,
    threads: int | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Estimate:
    """The cost of building ``plan``, nothing trained and nothing stored.

    ``say`` hears what each file and data set was recognised as.

    A plan with an ``expect`` section is answered from its numbers alone. Otherwise its examples
    and its base model are loaded, finished units are found, and one batch is timed.
    """
    check_words()
    check_probes(plan)
    if plan.expect is not None:
        return expected(plan, plan.expect)
    root = root or cache_root()
    prepared = prepare(plan, root, threads=threads)
    for sentence in prepared.material.said:
        say(sentence)
    return counted(prepared, root)


def counted(prepared: Prepared, root: Path) -> Estimate:
    """The cost of what is missing of a prepared study, at the speed of one batch timed now."""
    from taskpgm_core import measure

    plan, pool, base = prepared.plan, prepared.pool, prepared.base
    engine = engine_for(prepared, root, measure.Silence())
    agenda, missing = engine.agenda, engine.missing()
    complete = finished(root, plan.slug, prepared.digest) is not None
    per_second = measure.scoring_speed(agenda, [agenda.batches[len(agenda.batches) // 2]])
    trained = [spec for spec in agenda.models if agenda.is_trained(spec)]
    weights = sum(p.numel() * p.element_size() for p in base.model.parameters())
    weights += max(_copied(prepared), weights if any(t.checkpoint for t in plan.tasks) else 0)
    width = sum(e.length for e in pool.examples[: plan.probe.batch]) * base.vocabulary
    return Estimate(
        slug=plan.slug,
        digest=prepared.digest,
        complete=complete,
        tasks=len(plan.tasks),
        models=len(agenda.models),
        units=agenda.count(),
        left={stage: 0 if complete else int(n) for stage, n in missing["units"].items()},
        forward_passes=agenda.forward_passes,
        tokens={
            "train": sum(agenda.training_tokens(spec) for spec in trained),
            "score": agenda.work()["score"],
        },
        seconds={
            stage: 0.0 if complete else work / per_second for stage, work in missing["work"].items()
        },
        memory=float(weights + 4 * width),
        disk=disk_bytes(
            plan,
            pool.positions,
            base.model.config.hidden_size,
            _adapter(prepared),
            on_targets=prepared.targets.positions if prepared.targets else 0,
        ),
        device=measure.device_facts(base.device)["device"],
        tokens_per_second=per_second,
        basis="counted, with one batch timed on this machine"
        + ("; at most, if no round reaches the target" if plan.probe.adaptive else ""),
        warnings=prepared.warnings,
    )


def _adapter(prepared: Prepared) -> float:
    """Weights of one LoRA adapter: rank x (in + out) of every layer it is put on."""
    training = prepared.plan.training
    return float(
        sum(
            training.rank * sum(module.weight.shape)
            for name, module in prepared.base.model.named_modules()
            if name.rpartition(".")[2] in training.targets
        )
    )


def _copied(prepared: Prepared) -> int:
    """Bytes of the weights that adapters are merged into copies of, as the plan's targets are."""
    return sum(
        module.weight.numel() * module.weight.element_size()
        for name, module in prepared.base.model.named_modules()
        if name.rpartition(".")[2] in prepared.plan.training.targets
    )


def benchmark(plan: Plan, *, root: Path | None = None, threads: int | None = None) -> "Speed":
    """Tokens a second of this machine for the plan's base model, its probe pool and its rows."""
    from taskpgm_core import measure

    root = root or cache_root()
    prepared = prepare(plan, root, threads=threads)
    return measure.speed(engine_for(prepared, root, measure.Silence()).agenda)


def card(estimate: Estimate) -> dict[str, Any]:
    """What ``--dry-run --json`` prints; times in seconds, sizes in bytes, unknown is null."""
    answer = {**asdict(estimate), "total_seconds": estimate.total_seconds}
    if not estimate.warnings:
        del answer["warnings"]
    return answer
