"""The target model, fine-tuned on a chosen mixture and saved as an adapter."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from taskpgm_core.builds.training_rows import training_rows
from taskpgm_core.errors import SourceError
from taskpgm_core.evidence.sampling import training_rows as drawn_rows
from taskpgm_core.exports import Recipe
from taskpgm_core.exports.recipe import rows_to_draw
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.encoding import json_bytes
from taskpgm_core.plans.plan import Plan
from taskpgm_core.records import Study
from taskpgm_core.store import cache_root


def train_target(
    study: Study,
    plan: Plan,
    recipe: Recipe,
    out: Path,
    *,
    base: str,
    batch: int | None = None,
    threads: int | None = None,
    suites: Sequence[str] = (),
    suite_rows: int | None = None,
    suite_tasks: str | None = None,
) -> dict[str, Any]:
    """Train ``base`` on the rows of a recipe, once over them, by the plan's own trainer.

    Writes ``mixture.json`` into ``out``, so that a folder that cannot be written stops it before it
    trains, then ``adapter_model.safetensors`` and ``adapter_config.json``, which peft loads as they
    are; returns what happened. Rows over ``training.max_tokens`` are not
    among the study's, except for another ``base``, where they are left out and counted.
    ``suites`` judge the trained model, as ``measure.suite_scores`` says.
    """
    from safetensors.numpy import save

    from taskpgm_core import measure

    measure.check_suites(suites, suite_tasks)
    measure.use_threads(threads or plan.threads)
    weights = measure.find_weights(base)
    model = measure.load_base(weights, dtype=plan.dtype, models=cache_root() / ".models")
    read = training_rows(study)
    pools = {task: read(task) for task in recipe.tasks}
    wanted = dict(zip(recipe.tasks, rows_to_draw(recipe), strict=True))
    chosen = drawn_rows(wanted, {t: range(len(r)) for t, r in pools.items()}, recipe.seed)
    examples = measure.render(
        [pools[task][row] for task, row in chosen], model.tokenizer, plan.template
    )
    most = min(plan.training.max_tokens, model.context)
    kept = [e for e in examples if e.length <= most]
    size = batch or plan.training.batch
    if len(kept) < size:
        raise SourceError(
            f"Only {len(kept)} rows are left to train on, fewer than one batch of {size}; raise "
            f"--budget or lower --batch."
        )
    schedule = plan.training.model_copy(update={"batch": size, "steps": -(-len(kept) // size)})
    write_atomic(out / "mixture.json", json.dumps(json.loads(recipe.to_json())).encode())
    made = measure.train(
        model, kept, schedule, seed=recipe.seed, name=study.slug, packed=True, once=True
    )
    write_atomic(out / "adapter_model.safetensors", save(dict(made.adapter.weights)))
    config = {"peft_type": "LORA", "base_model_name_or_path": base, **made.adapter.config}
    write_atomic(out / "adapter_config.json", json_bytes(config))
    with measure.applied(model, made.adapter, study.slug):
        scores = measure.suite_scores(
            model, suites, rows=suite_rows, folder=suite_tasks, chat=plan.template == "chat"
        )
    return {
        "base": base,
        "out": str(out),
        "rows": len(kept),
        "too_long": len(examples) - len(kept),
        "steps": schedule.steps,
        "first_loss": float(made.loss[0]),
        "last_loss": float(made.loss[-8:].mean()),
        "counts": wanted,
        "suites": scores,
    }
