"""A study of a plan's tasks by words alone: no model is loaded, trained or scored."""

import importlib.metadata
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskpgm_core.builds.material import Material, gather, text_matrices
from taskpgm_core.files.encoding import npz_bytes
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.plans.plan import Plan
from taskpgm_core.records import Study, Task
from taskpgm_core.store import assemble, cache_root, finished, folder_name, locked, recover
from taskpgm_core.tasks.text_distance import MOST_ROWS, TEXT_CODE

LIBRARIES = ("numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class Texts:
    """A plan with its examples: all that determines a study by words alone."""

    plan: Plan
    material: Material

    @property
    def digest(self) -> str:
        """Of the whole plan, since the study keeps it: its rows, template and trainer are used by
        ``materialise`` and ``train``."""
        return digest_of(
            {
                "plan": self.plan.normalised(),
                "measure": "text",
                "examples": self.material.digest,
                "code": TEXT_CODE,
            }
        )

    @property
    def folder(self) -> str:
        """The name of the study's folder, and of its lock."""
        return folder_name(self.plan.slug, self.digest)

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(
            Task(
                id=entry.id,
                family=entry.family,
                source=entry.source,
                rows=len(self.material.splits[entry.id].train_indices),
                rows_incomplete=self.material.rows[entry.id].incomplete,
                chat=self.material.rows[entry.id].traits,
            )
            for entry in self.plan.tasks
        )

    def files(self) -> dict[str, bytes]:
        """Every file of the study; the same examples, the same bytes."""
        return {"matrices.npz": npz_bytes(text_matrices(self.material, self.plan.seed))}


def texts_of(plan: Plan) -> Texts:
    """Load the examples of a plan; SourceError as in ``material.gather``."""
    return Texts(plan, gather(plan))


def build_text(
    plan: Plan, *, root: Path | None = None, rebuild: bool = False
) -> tuple[Study, bool]:
    """The study of ``plan`` by words alone, or find it finished; and whether it was built now.

    ``rebuild`` replaces a finished one. SourceError where an example cannot be read or used;
    StoreError where another process builds the same study.
    """
    return keep_texts(texts_of(plan), root or cache_root(), rebuild=rebuild)


def keep_texts(texts: Texts, root: Path, *, rebuild: bool = False) -> tuple[Study, bool]:
    """``build_text`` of a plan whose examples are read already."""
    plan, digest, started = texts.plan, texts.digest, time.monotonic()
    with locked(root, texts.folder):
        recover(root, plan.slug, digest)
        done = finished(root, plan.slug, digest)
        if done and not rebuild:
            return done, False
        files = texts.files()
        study = assemble(
            root,
            slug=plan.slug,
            digest=digest,
            kind="text",
            measures=("text",),
            tasks=texts.tasks,
            files=files,
            plan=plan.model_dump(mode="json"),
            facts=_facts(started),
        )
    return study, True


def _facts(started: float) -> Mapping[str, Any]:
    return {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "rows_read_at_most": MOST_ROWS,
        "seconds": round(time.monotonic() - started, 1),
    }
