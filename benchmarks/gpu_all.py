"""All that only a GPU can say, in at most nine minutes.

    python -m benchmarks.gpu_all [--out DIR] [--only PART ...] [--seconds 530] [--install]
    python -m benchmarks.gpu_all --readme [--out DIR]
    python -m benchmarks.gpu_all --toy --out DIR

It needs the checkout and these packages, and no weights, data or network:

    pip install -r requirements.txt pytest hypothesis    # torch for CUDA brings Triton
    pip install --no-deps liger-kernel==0.8.5            # the peer of one part; or --install

and a C compiler, which Triton asks for. Each part runs for a bounded time in a process beside
this one, which is ended and replaced where a part takes longer or breaks it. After every part all
results are written to ``gpu.json`` (``benchmarks/results/`` or ``DIR``), and a part that is
measured there is not measured again: not on the same card, by the same code, at the same sizes.
``--readme`` measures nothing: it writes what is measured into ``benchmarks/README.md``.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.gpu_card import NotMeasuredError, device, this_card, versions
from benchmarks.gpu_models import emptied
from benchmarks.gpu_parts import BY_NAME, PARTS, Part
from benchmarks.gpu_report import write_readme
from taskpgm_core.files.atomic import write_atomic

RESULTS = Path(__file__).parent / "results" / "gpu.json"
LIGER = "liger-kernel==0.8.5"
START = 45.0
"""Seconds in which the process beside this one has to say what card it found."""
Entries = dict[str, dict[str, Any]]


def serve(ours: Connection, toy: bool) -> None:
    """The process that measures: it answers the name of a part with what it found."""
    ours.send({"card": asdict(this_card()), "versions": versions()})
    while True:
        try:
            name, seconds = ours.recv()
        except EOFError:
            return
        part = BY_NAME[name]
        try:
            result = part.run(seconds, **(part.toy if toy else part.sizes))
            ours.send({"status": "measured", "result": result})
        except NotMeasuredError as reason:
            ours.send({"status": "not measured", "why": str(reason)})
        except Exception as error:
            ours.send({"status": "failed", "why": f"{type(error).__name__}: {error}"[:2000]})
            if device() == "cuda":
                return  # a GPU may answer nothing more after an error
        emptied()


@contextmanager
def interpreting(yes: bool) -> Iterator[None]:
    """Processes started within the block carry Triton's kernels out on the CPU where ``yes``."""
    before = os.environ.get("TRITON_INTERPRET")
    if yes:
        os.environ["TRITON_INTERPRET"] = "1"
    try:
        yield
    finally:
        if yes and before is None:
            del os.environ["TRITON_INTERPRET"]


class Beside:
    """The process that measures, started anew after each part that it did not survive."""

    def __init__(self, toy: bool) -> None:
        self.toy = toy
        self._process: Any = None

    def start(self, seconds: float) -> dict[str, Any] | None:
        """What it says of its card and its libraries; None where it did not start in time."""
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self.toy))
        with interpreting(device() == "cpu"):
            self._process.start()
        theirs.close()
        said = self._hear(seconds)
        return said if "card" in said else None

    def ask(self, part: Part, seconds: float) -> dict[str, Any]:
        """The part's outcome; "stopped" where it took longer than ``seconds``."""
        if self._process is None and self.start(min(START, seconds)) is None:
            return {"status": "failed", "why": "the measuring process did not start"}
        return self._hear(seconds, (part.name, seconds))

    def _hear(self, seconds: float, asked: tuple[str, float] | None = None) -> dict[str, Any]:
        try:
            if asked is not None:
                self._line.send(asked)
            if self._line.poll(max(seconds, 0.0)):
                said: dict[str, Any] = self._line.recv()
                if said.get("status") == "failed":
                    self.stop(2)
                return said
            outcome = {"status": "stopped", "why": f"it took longer than {seconds:.0f} s"}
        except (EOFError, ConnectionError):
            self._process.join(5)
            code = self._process.exitcode
            outcome = {"status": "failed", "why": f"the measuring process ended (code {code})"}
        self.stop()
        return outcome

    def stop(self, patience: float = 0.0) -> None:
        """End the process; it has ``patience`` seconds to end by itself where nothing runs."""
        if self._process is not None:
            self._line.close()
            self._process.join(patience)
            self._process.kill()
            self._process.join()
            self._process = None


def entries_of(path: Path) -> Entries:
    if not path.is_file():
        return {}
    found: Entries = json.loads(path.read_text(encoding="utf-8"))["parts"]
    return found


def write(path: Path, entries: Entries) -> None:
    text = json.dumps({"parts": entries}, indent=1, sort_keys=True) + "\n"
    write_atomic(path, text.encode())


def stale(entry: dict[str, Any], card: str, part: Part, sizes: dict[str, Any]) -> bool:
    """Whether it is an older result of the part on this card at these sizes."""
    return (entry["card"]["name"], entry["part"], entry["sizes"]) == (card, part.name, sizes)


def measure(path: Path, parts: Sequence[Part], ends: float, toy: bool) -> Entries:
    """Measure what ``path`` and the committed results lack, until ``ends`` (of the monotonic
    clock); all of it is then in ``path``."""
    entries = ({} if toy else entries_of(RESULTS)) | entries_of(path)
    beside = Beside(toy)
    try:
        began = beside.start(min(START, ends - time.monotonic()))
        if began is None:
            sys.exit("The process that measures did not start; run it alone to see why: --toy.")
        card = began["card"]["name"]
        print(f"{card}, torch {began['versions']['torch']}", flush=True)
        for part in parts:
            key, sizes = part.key(card, toy=toy), dict(part.toy if toy else part.sizes)
            if entries.get(key, {}).get("status") == "measured":
                print(f"{part.name}: measured before", flush=True)
                continue
            left, started = ends - time.monotonic(), time.monotonic()
            if left < 1:
                print(f"{part.name}: no time left; the next run does it", flush=True)
                continue
            most = part.seconds * (4 if toy else 1)  # a CPU may be busy
            outcome = beside.ask(part, min(most, left))
            entries = {k: e for k, e in entries.items() if not stale(e, card, part, sizes)}
            entries[key] = {
                "part": part.name,
                "sizes": sizes,
                "code": part.code,
                "seconds": round(time.monotonic() - started, 1),
                **began,
                **outcome,
            }
            write(path, entries)
            why = f" ({outcome['why']})" if "why" in outcome else ""
            print(f"{part.name}: {outcome['status']}{why}, {entries[key]['seconds']} s", flush=True)
    finally:
        beside.stop(2)
    write(path, entries)
    return entries


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder of gpu.json, instead of the committed one")
    parser.add_argument("--only", nargs="+", choices=list(BY_NAME), metavar="PART")
    parser.add_argument("--seconds", type=float, default=530.0, help="when to stop")
    parser.add_argument("--toy", action="store_true", help="tiny sizes, which a CPU can do")
    parser.add_argument("--install", action="store_true", help=f"pip install {LIGER} first")
    parser.add_argument("--readme", action="store_true", help="write the README's table")
    chosen = parser.parse_args(arguments)
    ends = time.monotonic() + chosen.seconds
    if chosen.readme:
        write_readme(entries_of(chosen.out / "gpu.json" if chosen.out else RESULTS))
        return
    if chosen.toy and not chosen.out:
        parser.error("--toy wants --out DIR, so that its results are never taken for real ones.")
    if device() == "cpu" and not chosen.toy:
        parser.error("there is no CUDA device here; --toy --out DIR tries the parts on the CPU.")
    if chosen.install:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", LIGER]
        subprocess.run(command, check=True, timeout=120)
    path = chosen.out / "gpu.json" if chosen.out else RESULTS
    parts = [part for part in PARTS if not chosen.only or part.name in chosen.only]
    entries = measure(path, parts, ends, chosen.toy)
    done = sum(e["status"] == "measured" for e in entries.values())
    print(f"{done} results are measured in {path}")


if __name__ == "__main__":
    main()
