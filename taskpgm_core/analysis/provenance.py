"""Where a mixture comes from: what recipes, reports and saved mixtures say of it, said once."""

from math import isfinite
from typing import Any
from urllib.parse import urlencode

from taskpgm_core.analysis.question import Question
from taskpgm_core.analysis.question_words import to_words
from taskpgm_core.mixture import Solution
from taskpgm_core.records import Study

CERTIFICATE = (
    "status energy unary_energy pairwise_energy gap gap_relative unique closed_form_valid shift "
    "shift_floor curvature jumpiness effective_tasks anchor_distance"
).split()


def asked(solution: Solution) -> dict[str, Any]:
    """What was asked for, as the paper writes it; the infinite balance of lambda = 0 is None."""
    return {
        "measure": solution.measure,
        "balance": solution.balance if isfinite(solution.balance) else None,
        "beta": solution.beta,
        "lambda": solution.lam,
        "anchor": solution.anchor_name,
    }


def certificate(solution: Solution) -> dict[str, Any]:
    """What the solver vouches for; a number that is not finite is None."""
    facts = {name: getattr(solution, name) for name in CERTIFICATE}
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in facts.items()
    }


def provenance(study: Study, question: Question, solution: Solution) -> dict[str, Any]:
    """Study, question and certificate of a mixture.

    ``question``: its words as the dashboard's address and the command line write them.
    """
    vouched = certificate(solution)
    return {
        "study": study.slug,
        "digest": study.digest,
        "content": study.content,
        **asked(solution),
        "question": urlencode(to_words(question), doseq=True),
        **{name: vouched[name] for name in ("status", "gap", "gap_relative", "shift", "unique")},
    }
