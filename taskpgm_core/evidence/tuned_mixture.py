"""The result of a tuning as a saved mixture, with its evidence."""

from dataclasses import asdict, replace
from typing import Any

from taskpgm_core.analysis.provenance import provenance
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.analysis.question_words import to_words
from taskpgm_core.analysis.saved_mixtures import (
    LONGEST_NAME,
    Scenario,
    list_scenarios,
    save,
    scenarios_folder,
)
from taskpgm_core.evidence.arms import mixture_of
from taskpgm_core.evidence.candidates import UNIFORM, Candidate
from taskpgm_core.evidence.tuning import Tuning
from taskpgm_core.files.locking import exclusive
from taskpgm_core.findings.tuning import TuningResult, tuning_sentences

MANY = ("floor", "cap", "pin", "group")


def save_tuned(tuning: Tuning, found: TuningResult, name: str = "") -> tuple[Scenario, bool]:
    """The mixture that the tuning chose, saved for everyone, and whether it was saved just now.

    One that this very tuning saved before is left as it is. ``name``: what it is called; the
    study's and its own name by default.
    """
    titles = {one.title: one for one in tuning.candidates}
    made = _mixture(tuning, titles.get(found.chosen))
    called = name or f"{tuning.study.slug} tuned: {found.chosen}"
    evidence = evidence_card(tuning, found)
    named = replace(made, name=called[:LONGEST_NAME], evidence=evidence)
    with exclusive(scenarios_folder() / ".tuned.lock"):  # processes that share it end together
        for before in list_scenarios()[0]:
            if before.evidence.get("tuning") == tuning.digest:
                return before, False
        return save(named), True


def evidence_card(tuning: Tuning, found: TuningResult) -> dict[str, Any]:
    """What is kept of a tuning with its mixture: sentences first, then the numbers.

    ``folders``: the beginnings of the evidence folders that hold its runs; ``confirmed``: None
    where no fresh seed was spent.
    """
    folders = {"rounds": _folder(tuning, None)} if found.rounds else {}
    confirmed = None
    if found.difference is not None:
        last = next(one for one in tuning.candidates if one.title == found.last)
        folders["confirmation"] = _folder(tuning, last)
        confirmed = {
            "seeds": list(found.fresh),
            **{key: getattr(found, key) for key in ("difference", "low", "high", "p")},
        }
    return {
        "sentences": list(tuning_sentences(found)),
        "tuning": tuning.digest,
        "state": found.state,
        "chosen": found.chosen,
        "judged_by": asdict(found.by) | {"judges": list(found.by.judges)},
        "budget": found.budget,
        "rounds": [
            {**asdict(r), "seeds": list(r.seeds), "kept": list(r.kept), "tied": list(r.tied)}
            for r in found.rounds
        ],
        "confirmed": confirmed,
        "folders": folders,
    }


def _folder(tuning: Tuning, winner: Candidate | None) -> str:
    protocol = tuning.fresh_protocol(winner) if winner else tuning.round_protocol([], [0])
    return protocol.digest(tuning.study.digest)[:12]


def _mixture(tuning: Tuning, one: Candidate | None) -> Scenario:
    """The mixture without a name; uniform's where it is no candidate's."""
    study = tuning.study
    if one is not None and one.saved is not None:
        return replace(one.saved, id="", saved="")
    if one is None:
        return _solved(tuning, Question(measure=study.measures[0]), mixture_of(UNIFORM, study, 0))
    if one.question is not None:
        return _solved(tuning, one.question, one.p)
    controls: dict[str, str | list[str]] = {"study": study.slug}
    return Scenario(
        study.slug,
        study.content,
        study.measures[0],
        study.names,
        one.p,
        controls=controls,
        origin=one.origin,
    )


def _solved(tuning: Tuning, question: Question, p: Any) -> Scenario:
    study = tuning.study
    posed = pose_question(study, question)
    words = {"measure": [posed.similarity.measure], **to_words(question)}
    controls = {w: texts if w in MANY else texts[-1] for w, texts in words.items()}
    return Scenario(
        study.slug,
        study.content,
        posed.similarity.measure,
        study.names,
        p,
        controls={"study": study.slug, **controls},
        certificate=provenance(study, posed, posed.optimum()),
    )
