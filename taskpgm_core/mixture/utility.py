"""What training on each task is worth by what a person will be judged by."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.records import Array, LossTable, TargetLosses, read_only


def judged_by(
    table: LossTable, targets: Sequence[str], scored: TargetLosses | None = None
) -> Array:
    """(n,) the utility of each task for ``targets``, by losses per token.

    ``targets``: tasks of the study, or targets that it scored beside them (``scored``). See
    ``target_utility``. MixtureError for no target, one that is not in the study or one that
    stands twice.
    """
    known, losses = table.tasks, table.per_token
    if scored is not None:
        known, losses = (*known, *scored.targets), np.hstack([losses, scored.per_token])
    for target in targets:
        if target not in known:
            raise MixtureError(
                f"The target '{target}' is not in this study{nearest(target, known)}."
            )
    return target_utility(losses[:, [known.index(target) for target in targets]], targets)


def target_utility(per_token: npt.NDArray[np.floating], targets: Sequence[str]) -> Array:
    """(n,) how much of the best model's gain each task's model has, averaged over targets.

    ``per_token``: (n + 1, targets) losses in nats a token of the n single-task models and, in the
    last row, of the base model. For each target t

        v_it = (base_t - loss_it) / (base_t - min over k of loss_kt), clipped to [0, 1],

    so 1 is as good as the best single-task model and 0 no better than the base. It is without
    unit and is given to ``pose`` as ``utility`` together with a kernel. MixtureError for no
    target, one that stands twice, a loss that is not finite, or a target on which no model beats
    the base. Source: the per-task utility of arXiv 2507.12612 (version 4), here with a scale.
    """
    if not len(targets):
        raise MixtureError("There is no target to be judged by; name at least one.")
    if len(set(targets)) != len(targets):
        twice = next(target for target in targets if list(targets).count(target) > 1)
        raise MixtureError(f"The target '{twice}' stands more than once; name it once.")
    losses = np.asarray(per_token, dtype=np.float64)
    if losses.ndim != 2 or losses.shape[1] != len(targets) or len(losses) < 2:
        raise MixtureError(
            f"The targets' losses are {losses.shape}, but a column a target is needed "
            f"({len(targets)}) and a row a model, the base model last."
        )
    if not np.isfinite(losses).all():
        column = int(np.flatnonzero(~np.isfinite(losses).all(axis=0))[0])
        raise MixtureError(f"A model's loss on the target '{targets[column]}' is not finite.")
    base, own = losses[-1], losses[:-1]
    best = base - own.min(axis=0)
    if best.min() <= 0:
        hopeless = targets[int(best.argmin())]
        raise MixtureError(
            f"No single-task model beats the base model on the target '{hopeless}', so nothing "
            f"tells which task helps there; leave it out."
        )
    return read_only(np.clip((base - own) / best, 0.0, 1.0).mean(axis=1))
