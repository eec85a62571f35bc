"""Where a mixture comes from: what recipes, reports and saved mixtures say of its question."""

from math import isfinite
from typing import Any

from taskpgm_core.analysis.question import Question
from taskpgm_core.mixture import Solution
from taskpgm_core.records import Study


def provenance(study: Study, question: Question, solution: Solution) -> dict[str, Any]:
    """Study, question and certificate of a mixture; a number that is not finite is None."""
    facts = {
        "study": study.slug,
        "digest": study.digest,
        "content": study.content,
        "measure": solution.measure,
        "balance": solution.balance,
        "beta": solution.beta,
        "lambda": solution.lam,
        "anchor": solution.anchor_name,
        "unary": question.unary,
        "status": solution.status,
        "gap": solution.gap,
        "gap_relative": solution.gap_relative,
        "shift": solution.shift,
        "unique": solution.unique,
        "energy": solution.energy,
    }
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in facts.items()
    }
