"""Builds that run as child processes of the command line, watched and stopped from anywhere.

A job is a folder under ``cache/.jobs``: the plan, who runs it, what it said, how it ended. Nothing
about it lives in memory, so it survives page reloads and restarts of the server. A process is ours
only if its number, its start time and the machine's boot are the ones written down: a recycled
number is nobody's job.
"""

import importlib.util
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from taskpgm_core.errors import JobError, install_command
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.encoding import json_bytes
from taskpgm_core.files.locking import exclusive
from taskpgm_core.plans.plan import parse_plan
from taskpgm_core.plans.slug import SLUG
from taskpgm_core.store import cache_root

COMMAND = (sys.executable, "-m", "taskpgm_core")
SWITCH = "TASKPGM_BUILDS"
NEEDED = ("torch", "transformers", "peft", "sklearn")
LONGEST_PLAN = 200_000
MOST_RUNNING = 2
TAIL = 16_000
PATIENCE = 10.0
Kind = Literal["build", "cost"]
State = Literal["running", "done", "stopped", "failed", "lost"]

# The shell outlives the command, so that how it ended is written down even where nobody waits.
_LAUNCH = """
( trap : TERM INT; "$@"; echo "$?" > "$TASKPGM_JOB/exit.new"
  mv "$TASKPGM_JOB/exit.new" "$TASKPGM_JOB/exit"
) > "$TASKPGM_JOB/answer.json" 2> "$TASKPGM_JOB/log.txt" < /dev/null &
echo $!
"""


@dataclass(frozen=True)
class Job:
    """A build, or the dry run that says what it would cost, as it stands now.

    ``state``: ``lost`` is a process that is gone without having said how it ended (killed, or the
    machine restarted). ``progress``: what the build last wrote of itself, empty before;
    ``log``: the last lines of its stderr; ``answer``: what it printed, None before it is done;
    ``error``: the sentence of a failed one; ``seconds``: how long it has run, or ran.
    """

    slug: str
    kind: Kind
    state: State
    plan: str
    seconds: float
    progress: Mapping[str, Any]
    log: tuple[str, ...]
    answer: Mapping[str, Any] | None
    error: str


def refusal(address: str | None, environment: Mapping[str, str] | None = None) -> str:
    """Why builds may not be started from a server that listens on ``address``; empty: they may.

    They may where it listens on this machine only, or where the administrator says so with
    TASKPGM_BUILDS=allow; TASKPGM_BUILDS=off forbids them everywhere.
    """
    said = (os.environ if environment is None else environment).get(SWITCH, "").strip().lower()
    if said == "allow":
        return ""
    if said == "off":
        return f"Builds are switched off on this server ({SWITCH}=off)."
    if said:
        return f"{SWITCH} is '{said}'; set it to allow or off."
    if _loopback(address):
        return ""
    return (
        "This server can be reached from other machines, so builds cannot be started here; its "
        f"administrator can allow them with {SWITCH}=allow."
    )


def _loopback(address: str | None) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def missing() -> str:
    """Which command adds what a build needs, where something is missing; nothing is imported."""
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"Building needs {', '.join(absent)}; add them with: {install_command(absent[0])}"


def start(plan: str, kind: Kind = "build", root: Path | None = None) -> Job:
    """Start a build (or its dry run) of the plan in this YAML text; the study goes to ``root``.

    Raises PlanError for a plan that cannot be built, and JobError where the study's build runs
    already, too many do, or something that it needs is missing.
    """
    if len(plan) > LONGEST_PLAN:
        raise JobError(f"The plan has {len(plan):,} characters; at most {LONGEST_PLAN:,} are read.")
    slug = parse_plan(plan).slug
    lacking = missing()
    if lacking:
        raise JobError(lacking)
    root = (root or cache_root()).resolve()
    with exclusive(root / ".jobs" / "starting"):
        running = [job for job in jobs(root) if job.state == "running"]
        if any(job.slug == slug and job.kind == kind for job in running):
            raise JobError(f"{slug} is being built already; watch it, or stop it first.")
        if len(running) >= MOST_RUNNING:
            raise JobError(
                f"{len(running)} builds run already ({', '.join(j.slug for j in running)}); "
                f"wait for one or stop it."
            )
        folder = _folder(slug, kind, root)
        for name in ("exit", "job.json", "progress.json", "answer.json", "log.txt", "stop"):
            (folder / name).unlink(missing_ok=True)
        write_atomic(folder / "plan.yaml", plan.encode())
        watched = ("--json-progress", str(folder / "progress.json"))
        extra = ("--json", *(("--dry-run",) if kind == "cost" else watched))
        command = [*COMMAND, "build", str(folder / "plan.yaml"), *extra]
        launched = subprocess.run(
            ["/bin/sh", "-c", _LAUNCH, "build", *command],
            env={
                **os.environ,
                "TASKPGM_CACHE": str(root),
                "TASKPGM_JOB": str(folder),
                "PYTHONPATH": _path(),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            check=True,
        )
        pid = int(launched.stdout)
        who = {"pid": pid, "identity": identity(pid), "group": _group(pid), "started": time.time()}
        write_atomic(folder / "job.json", json_bytes({"kind": kind, **who}))
    found = watch(slug, kind, root)
    assert found is not None
    return found


def watch(slug: str, kind: Kind = "build", root: Path | None = None) -> Job | None:
    """The job of a study as it stands now; None where there never was one."""
    folder = _folder(slug, kind, (root or cache_root()).resolve())
    who = _read_json(folder / "job.json")
    if not who:
        return None
    alive = bool(who["identity"]) and identity(who["pid"]) == who["identity"]
    code = _read(folder / "exit", 16).strip()  # after: a process that is gone has written it
    log = tuple(line for line in _read(folder / "log.txt", TAIL).splitlines() if line.strip())
    state: State
    if code:
        stopped = (folder / "stop").exists()
        state = "done" if code == "0" else "stopped" if stopped else "failed"
    elif alive:
        state = "running"
    else:
        state = "stopped" if (folder / "stop").exists() else "lost"
    ended = _changed(folder / "exit") or _changed(folder / "log.txt") or who["started"]
    answer = _read_json(folder / "answer.json") if state == "done" else None
    errors = [line.removeprefix("Error: ") for line in log if line.startswith("Error: ")]
    return Job(
        slug=slug,
        kind=kind,
        state=state,
        plan=_read(folder / "plan.yaml", LONGEST_PLAN),
        seconds=(time.time() if state == "running" else ended) - who["started"],
        progress=_read_json(folder / "progress.json"),
        log=log,
        answer=answer or None,
        error=(errors or log or ("It ended without a word.",))[-1] if state == "failed" else "",
    )


def jobs(root: Path | None = None) -> list[Job]:
    """All jobs of a cache by name."""
    root = (root or cache_root()).resolve()
    found = []
    for kind in ("build", "cost"):
        folder = root / ".jobs" / kind
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            job = watch(path.name, kind, root) if SLUG.fullmatch(path.name) else None
            if job:
                found.append(job)
    return found


def stop(slug: str, kind: Kind = "build", root: Path | None = None) -> Job | None:
    """End a running build; what it finished is kept, and the same plan goes on from there."""
    root = (root or cache_root()).resolve()
    folder = _folder(slug, kind, root)
    who = _read_json(folder / "job.json")
    for sign in (signal.SIGTERM, signal.SIGKILL):
        job = watch(slug, kind, root)
        if job is None or job.state != "running":
            return job
        write_atomic(folder / "stop", b"")
        try:
            os.killpg(who["group"], sign)
        except ProcessLookupError:
            break
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and identity(who["pid"]) == who["identity"]:
            time.sleep(0.05)
    return watch(slug, kind, root)


def identity(pid: int) -> str:
    """Who a process number is now: its start time and the machine's boot; empty where it is gone.

    A process that has ended but that nobody has waited for counts as gone.
    """
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            state, *fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        boot = _read(Path("/proc/sys/kernel/random/boot_id"), 64).strip()
        return "" if state in "ZX" else f"{fields[18]} {boot}"
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return "" if not told or told[0].startswith("Z") else told[1].strip()


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return pid


def _folder(slug: str, kind: Kind, root: Path) -> Path:
    if not SLUG.fullmatch(slug):
        raise JobError(f"'{slug}' is no study's name; a plan's slug is.")
    return root / ".jobs" / kind / slug


def _path() -> str:
    """PYTHONPATH with this package first, whatever folder the child starts in."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))


def _read(path: Path, most: int) -> str:
    """The last ``most`` bytes of a file as text; empty where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            return file.read(most).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON object that was written whole, or is being written; empty where there is none yet."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
