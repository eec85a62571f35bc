"""Where a mixture comes from: what recipes, reports and saved mixtures say of it, said once."""

from math import isfinite
from typing import Any
from urllib.parse import urlencode

from taskpgm_core.analysis.question import Posed
from taskpgm_core.analysis.question_words import to_words
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.mixture import Solution
from taskpgm_core.records import Study

CERTIFICATE = (
    "status energy unary_energy pairwise_energy gap gap_relative unique closed_form_valid shift "
    "shift_floor curvature jumpiness effective_tasks anchor_distance"
).split()


def asked(posed: Posed, solution: Solution) -> dict[str, Any]:
    """What was asked for, as the paper writes it; the infinite balance of lambda = 0 is None.

    ``resolution``: the one that was used, None for the paper's S as measured. Where one is judged
    by something, ``judge_by`` names it, and ``targets`` what of it no model was trained on.
    """
    facts, judges = posed.resolution_facts(), posed.question.judge_by
    known = posed.study.target_names if posed.study else ()
    targets = [name for name in judges if name in known]
    return {
        "measure": posed.similarity.measure,
        "balance": solution.balance if isfinite(solution.balance) else None,
        "resolution": facts["resolution"],
        "resolution_unit": posed.similarity.unit,
        "resolution_source": facts["resolution_source"],
        "beta": solution.beta,
        "lambda": solution.lam,
        "anchor": solution.anchor_name,
        **({"judge_by": list(judges)} if judges else {}),
        **({"targets": targets} if targets else {}),
    }


def certificate(solution: Solution) -> dict[str, Any]:
    """What the solver vouches for; a number that is not finite is None."""
    facts = {name: getattr(solution, name) for name in CERTIFICATE}
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in facts.items()
    }


def provenance(study: Study | None, posed: Posed, solution: Solution) -> dict[str, Any]:
    """Study, question and certificate of a mixture.

    ``study`` is None for a matrix in memory, whose digest is that of its import as a study.
    ``question``: its words as the dashboard's address and the command line write them.
    """
    vouched = certificate(solution)
    if study:
        origin = {"study": study.slug, "digest": study.digest, "content": study.content}
    else:
        tasks = [[task, "", None, None] for task in posed.similarity.tasks]
        matrix = posed.similarity.matrix.tolist()
        origin = {"digest": digest_of({"matrix": matrix, "tasks": tasks})}
    return {
        **origin,
        **asked(posed, solution),
        "question": urlencode(to_words(posed.question), doseq=True),
        **{name: vouched[name] for name in ("status", "gap", "gap_relative", "shift", "unique")},
    }
