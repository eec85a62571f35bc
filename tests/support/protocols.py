"""A protocol of three arms on the tiny study, and runs whose true differences are known."""

import numpy as np
import pandas as pd

from taskpgm_core.evidence.protocol import Protocol

ARMS = [
    {"name": "uniform", "baseline": "uniform"},
    {"name": "jsd-0.5", "balance": 0.5},
    {"name": "best-single", "baseline": "best-single"},
]


def protocol(**changes):
    return Protocol.model_validate(
        {
            "name": "tiny",
            "study": "tiny",
            "arms": ARMS,
            "seeds": [0, 1],
            "budget": 16,
            "evaluation_rows": 4,
            "training": {"rank": 2, "alpha": 8, "learning_rate": 0.02, "batch": 4},
            "held_out": [{"source": "generated:swaps", "rows": 20}],
            **changes,
        }
    )


def made_up(differences, noise=0.05, seeds=6, tasks=8, seed=0):
    """Runs of several arms whose true mean difference to uniform is known."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.5, 2, tasks)
    rows = []
    for arm, difference in {"uniform": 0.0, **differences}.items():
        for s in range(seeds):
            shared = np.random.default_rng([seed, s]).normal(0, 0.3, tasks)
            loss = level + shared + difference + noise * rng.normal(size=tasks)
            rows += [
                {
                    "arm": arm,
                    "seed": s,
                    "task": f"t{k}",
                    "n_tokens": 5,
                    "loss": loss[k],
                    "accuracy": 0.1 * k,
                }
                for k in range(tasks)
            ]
    return pd.DataFrame(rows)
