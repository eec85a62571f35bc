"""Saved mixtures: named ones that everyone on a server shares, and drafts that a link carries."""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from taskpgm_core.errors import ScenarioError
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.encoding import json_bytes
from taskpgm_core.files.locking import exclusive
from taskpgm_core.mixture.solution import effective_tasks
from taskpgm_core.records import Array, Study, read_only
from taskpgm_core.store import cache_root

LONGEST_NAME = 120
LONGEST_NOTES = 20_000
LARGEST_FILE = 2_000_000
MOST_NAMED = 500
MOST_DRAFTS = 1_000
ID = re.compile(r"[0-9a-f]{24}")
SUM_SLACK = 1e-6
VERSION = 2


@dataclass(frozen=True, eq=False)
class Scenario:
    """A mixture that somebody kept, and where it came from.

    ``p`` (n,) proportions over ``tasks``, summing to 1. ``study`` and ``content``: the study's
    slug and content digest when it was made. ``controls``: the parameters of the dashboard's
    address that made it. ``certificate``: the mixture's ``provenance``; empty
    where the weights were not solved for. ``origin``: ``solved``, or the file it was imported
    from. ``evidence``: what training on it gave where a tuning chose it, ``sentences`` first; empty
    otherwise. ``name`` is empty for a draft. Markup in ``name`` and ``notes`` is kept as text: who
    shows it escapes it. ``id`` and ``saved`` (UTC) are empty until it is on disk.
    """

    study: str
    content: str
    measure: str
    tasks: tuple[str, ...]
    p: Array
    controls: Mapping[str, str | list[str]] = field(default_factory=dict)
    certificate: Mapping[str, str | float | bool | None] = field(default_factory=dict)
    origin: str = "solved"
    evidence: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    notes: str = ""
    id: str = ""
    saved: str = ""

    def __post_init__(self) -> None:
        p = read_only(self.p)
        n = len(self.tasks)
        if n == 0 or len(set(self.tasks)) != n or p.shape != (n,):
            raise ScenarioError("A scenario needs one weight for each of its distinct tasks.")
        if not np.isfinite(p).all() or p.min() < 0 or abs(p.sum() - 1.0) > SUM_SLACK:
            raise ScenarioError("A scenario's weights must be at least 0 and sum to 1.")
        name, notes = " ".join(printable(self.name).split()), printable(self.notes)
        if len(name) > LONGEST_NAME:
            raise ScenarioError(
                f"The name has {len(name)} characters; at most {LONGEST_NAME} are kept."
            )
        if len(notes) > LONGEST_NOTES:
            raise ScenarioError(
                f"The notes have {len(notes):,} characters; at most {LONGEST_NOTES:,} are kept."
            )
        for value in self.controls.values():
            texts = value if isinstance(value, list) else [value]
            if not all(isinstance(text, str) for text in texts):
                raise ScenarioError("A scenario's controls must be texts, as in an address.")
        object.__setattr__(self, "p", p)
        object.__setattr__(self, "controls", dict(self.controls))
        object.__setattr__(self, "certificate", dict(self.certificate))
        object.__setattr__(self, "evidence", dict(self.evidence))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "notes", notes)

    @property
    def effective(self) -> float:
        """As many tasks as an equal split of the same entropy would have."""
        return effective_tasks(self.p)

    @property
    def support(self) -> int:
        return int((self.p > 0).sum())

    @property
    def trained(self) -> tuple[str, ...]:
        """What training on it gave, in sentences; none where no tuning chose it."""
        said = self.evidence.get("sentences", ())
        return tuple(map(str, said)) if isinstance(said, list) else ()

    def over(self, tasks: Sequence[str]) -> Array:
        """(len(tasks),) its weights in the order of ``tasks``; NaN for a task it never had."""
        index = {task: i for i, task in enumerate(self.tasks)}
        return read_only([self.p[index[t]] if t in index else np.nan for t in tasks])

    def stale(self, study: Study) -> str:
        """A sentence on why this is not about ``study`` as it is now; empty where it is."""
        if self.content == study.content:
            return ""
        if self.study != study.slug:
            return f"Made for the study {self.study}, not {study.slug}."
        return (
            f"Made for {self.study} with content {self.content[:12]}; "
            f"the study's content is now {study.content[:12]}, so solve it again."
        )


def printable(text: str) -> str:
    """``text`` without characters that no one can see or that cannot be written."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


def new_id() -> str:
    """A random id that nobody can guess."""
    return secrets.token_hex(12)


def scenarios_folder(root: Path | None = None) -> Path:
    return (root or cache_root()) / "scenarios"


def _place(identifier: str, draft: bool, root: Path | None) -> Path:
    if not ID.fullmatch(identifier):
        raise ScenarioError("This is no scenario's id; open it from the list on the Compare page.")
    folder = scenarios_folder(root)
    return (folder / "drafts" if draft else folder) / f"{identifier}.json"


def _write(scenario: Scenario, path: Path) -> Scenario:
    stamped = replace(scenario, id=path.stem, saved=datetime.now(UTC).isoformat())
    record = asdict(stamped)
    weights = {t: float(w) for t, w in zip(stamped.tasks, stamped.p, strict=True) if w > 0}
    del record["p"], record["id"]
    if not record["evidence"]:
        del record["evidence"]  # versions that know of none read the others still
    data = json_bytes({"version": VERSION, **record, "weights": weights})
    if len(data) > LARGEST_FILE:
        raise ScenarioError(
            f"The scenario takes {len(data):,} bytes; at most {LARGEST_FILE:,} are kept."
        )
    write_atomic(path, data)
    return stamped


def save(scenario: Scenario, root: Path | None = None) -> Scenario:
    """Keep a named scenario for everyone on the server; returns it with its id and time.

    One without an id gets a random one; one with an id replaces what is kept under it. Raises
    ScenarioError without a name, where someone else changed it since ``scenario`` was read, or
    where ``MOST_NAMED`` are kept already.
    """
    if not scenario.name:
        raise ScenarioError("Give the scenario a name, so that others can tell it apart.")
    path = _place(scenario.id or new_id(), False, root)
    with exclusive(path.parent / ".lock"):
        if scenario.id and open_scenario(scenario.id, root).saved != scenario.saved:
            raise ScenarioError(
                f"“{scenario.name}” was changed by someone else meanwhile; reload the page and "
                "edit it again."
            )
        if not scenario.id and len(list(path.parent.glob("*.json"))) >= MOST_NAMED:
            raise ScenarioError(
                f"{MOST_NAMED} scenarios are kept already; delete one that nobody needs."
            )
        return _write(scenario, path)


def save_draft(scenario: Scenario, root: Path | None = None) -> Scenario:
    """Keep a draft under its id, or under a new random one; the oldest beyond the limit go."""
    path = _place(scenario.id or new_id(), True, root)
    with exclusive(path.parent / ".lock"):
        new = not path.exists()
        kept = _write(replace(scenario, name=""), path)
        if new:
            drafts = sorted(path.parent.glob("*.json"), key=lambda p: p.stat().st_mtime_ns)
            for old in drafts[:-MOST_DRAFTS]:
                old.unlink()
    return kept


def open_scenario(identifier: str, root: Path | None = None) -> Scenario:
    """The named scenario with this id; ScenarioError where there is none or it is damaged."""
    return _open(_place(identifier, False, root))


def open_draft(identifier: str, root: Path | None = None) -> Scenario:
    """The draft with this id; ScenarioError where there is none or it is damaged."""
    return _open(_place(identifier, True, root))


def delete(identifier: str, root: Path | None = None) -> None:
    """Remove a named scenario for everyone; one that is gone already is no error."""
    _place(identifier, False, root).unlink(missing_ok=True)


def list_scenarios(root: Path | None = None) -> tuple[list[Scenario], list[tuple[str, str]]]:
    """All named scenarios in name order, and (file name, sentence) of each broken one."""
    found, broken = [], []
    for path in sorted(scenarios_folder(root).glob("*.json")):
        try:
            found.append(_open(path))
        except ScenarioError as error:
            broken.append((path.name, str(error)))
    return sorted(found, key=lambda s: (s.name.casefold(), s.id)), broken


def _open(path: Path) -> Scenario:
    try:
        facts = path.stat()
    except OSError:
        raise ScenarioError(
            "There is no such scenario here; it may have been deleted. Pick another."
        ) from None
    if facts.st_size > LARGEST_FILE:
        raise ScenarioError(f"{path.name} is larger than {LARGEST_FILE:,} bytes; delete it.")
    return _read(path, facts.st_mtime_ns, facts.st_ino)


@lru_cache(maxsize=MOST_NAMED)
def _read(path: Path, modified: int, inode: int) -> Scenario:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = record.pop("version")
        if version not in (1, VERSION):
            raise ValueError("another version wrote it")
        if version == 1 and "measure" in record["controls"]:  # it knew no resolution
            record["controls"]["resolution"] = "inf"
        weights = record.pop("weights")
        tasks = tuple(record.pop("tasks"))
        p = [float(weights.get(task, 0.0)) for task in tasks]
        texts = ("study", "content", "measure", "origin", "name", "notes", "saved")
        if not all(isinstance(record.get(key), str) for key in texts):
            raise ValueError("a text is missing")
        return Scenario(tasks=tasks, p=np.array(p), id=path.stem, **record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ScenarioError(f"{path.name} is no readable scenario ({reason}); delete it.") from None
