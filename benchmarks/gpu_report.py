"""The table of ``benchmarks/README.md`` on GPUs: every line that there is to measure, or why not.

What a dry run foretells is worked out when the table is written, so that it is the dry run's word
of today; results themselves hold what was measured alone.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.gpu_card import Card
from benchmarks.gpu_models import plan_of
from benchmarks.gpu_parts import BY_NAME
from benchmarks.mixture import table
from taskpgm_core.builds.cost_model import BACKWARD, Estimate, expected, operations
from taskpgm_core.files.atomic import write_atomic

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- what gpu_all measured -->\n", "<!-- end of what gpu_all measured -->"
Result = Mapping[str, Any]
Say = Callable[[Result, Card], str]
GIGA = 1e9


def foretold(shape: str, card: Card) -> Estimate | None:
    """The dry run's word on the shape on this card; None where it knows no data sheet of it."""
    plan, expect = plan_of(shape)
    if card.sheet is None:
        return None
    return expected(plan, expect.model_copy(update={"device": card.sheet}))


def rate(stage: str, shape: str) -> Say:
    """Tokens a second, and beside them the dry run's."""

    def say(found: Result, card: Card) -> str:
        value, told = found["tokens_per_second"], foretold(shape, card)
        if told is None or told.seconds is None:
            return f"{value:,.0f}"
        dry = told.tokens[stage] / told.seconds[stage]
        return f"{value:,.0f}, {value / dry:.2f} of the dry run's {dry:,.0f}"

    return say


def share_of_peak(shape: str) -> Say:
    """Of the operations that the dry run counts, a second, as a share of the data sheet's peak."""

    def say(found: Result, card: Card) -> str:
        if card.peak is None:
            return "no data sheet of this card is known"
        _, expect = plan_of(shape)
        length = expect.prompt_tokens + expect.completion_tokens
        token = BACKWARD * operations(expect, 1, length, expect.completion_tokens / length)
        return f"{found['tokens_per_second'] * token / card.peak:.0%}"

    return say


def memory(shape: str) -> Say:
    """The peak, and the dry run's, which is that of a whole build."""

    def say(found: Result, card: Card) -> str:
        told = foretold(shape, card)
        dry = "" if told is None else f", dry run {told.memory / GIGA:.2f} GB"
        return f"{found['peak'] / GIGA:.2f} GB{dry}"

    return say


def errors(case: str) -> Say:
    def say(found: Result, card: Card) -> str:
        one = found[case]
        return f"{one['relative']:.0e} at most, over {one['counted']} divergences"

    return say


def way(name: str) -> Say:
    def say(found: Result, card: Card) -> str:
        one = found["ways"][name]
        sheet = f", {one['of_sheet']:.0%} by the data sheet" if "of_sheet" in one else ""
        return f"{one['ms']:.2f} ms, {one['of_copy']:.0%} of a copy's bandwidth{sheet}"

    return say


def kernels(found: Result, card: Card) -> str:
    return "; ".join(f"{k['share']:.0%} `{k['name'][:60]}`" for k in found["kernels"][:4])


def pairs(found: Result, card: Card) -> str:
    return (
        f"{found['seconds']:.2f} s, {found['entries_per_second']:.1e} entries a second, "
        f"{found['nats_apart']:.0e} nats from the loop"
    )


def went_on(stage: str) -> Say:
    def say(found: Result, card: Card) -> str:
        one = found[stage]
        return (
            f"{one['asked']} asked, went on with {one['went_on_with']}, "
            f"{one['nats_apart']:.0e} nats from a build with room"
        )

    return say


def times(key: str) -> Say:
    return lambda found, card: f"{found[key]:.1f} x"


def percent(key: str) -> Say:
    return lambda found, card: f"{found[key]:.1%}"


def model_lines(name: str, shape: str) -> list[tuple[str, str, str, Say]]:
    score, train = f"scoring, {name}", f"training, {name}"
    return [
        (f"{name}, base scored, of the bare body", "95%", score, percent("of_body")),
        (f"{name}, 8 adapters scored, of the bare body", "95%", score, percent("adapted_of_body")),
        (f"{name}, tokens/s scored", "dry run, 25%", score, rate("score", shape)),
        (f"{name}, peak memory, scored", "", score, memory(shape)),
        (f"{name}, tokens/s trained", "dry run, 25%", train, rate("train", shape)),
        (f"{name}, trained, share of the peak", "", train, share_of_peak(shape)),
        (f"{name}, peak memory, trained", "dry run, 25%", train, memory(shape)),
        (
            f"{name}, an adapter put in and taken out",
            "",
            score,
            lambda found, card: f"{found['merging_seconds']:.2f} s",
        ),
    ]


def kernel_lines(vocabulary: str) -> list[tuple[str, str, str, Say]]:
    part = f"kernel, V = {vocabulary}"
    return [
        (f"kernel against float64, V = {vocabulary}", "1%", part, errors("given")),
        (f"the same with masked entries, V = {vocabulary}", "1%", part, errors("masked")),
        (f"from hidden states, V = {vocabulary}", "1%", part, errors("all_pairs")),
    ]


LINES: list[tuple[str, str, str, Say]] = [
    *kernel_lines("49,152"),
    *kernel_lines("131,072"),
    (
        "bits of a pair, whatever is beside it",
        "equal",
        "kernel, bits",
        lambda found, card: f"equal in {found['equal']} of {found['tried']}",
    ),
    ("tests marked `cuda`", "pass", "tests", lambda found, card: found["said"].strip("= ")),
    ("one pair, ours", "50%", "pair", way("ours")),
    ("one pair, plain loop", "", "pair", way("plain")),
    ("one pair, Liger-Kernel with its gradient", "", "pair, Liger-Kernel", way("liger")),
    ("one pair, ours against Liger-Kernel", "10 x", "pair, Liger-Kernel", times("times_liger")),
    ("one pair, `torch.compile` of the plain loop", "", "pair, compiled", way("compiled")),
    ("one pair, ours against that", "", "pair, compiled", times("times_compiled")),
    ("one pair, ours spends its time in", "", "pair, profile", kernels),
    ("all pairs of 26 models, 2,048 positions", "", "26 models", pairs),
    ("the same against the plain loop", "", "26 models", times("times_loop")),
    ("the same spends its time in", "", "26 models", kernels),
    ("all pairs of 120 models, 1,024 positions", "", "120 models", pairs),
    ("the same against the plain loop, a pair", "", "120 models", times("times_loop")),
    ("bounds, 256 kept, against all pairs", "", "kept set", times("times_exact")),
    *model_lines("SmolLM2-135M", "smollm2-135m"),
    *model_lines("Llama-2-7B", "llama-2-7b"),
    ("memory runs out in scoring: examples a batch", "halved", "out of memory", went_on("scoring")),
    ("memory runs out in training: rows at once", "halved", "out of memory", went_on("training")),
]


def latest(entries: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By card, by part: the results at the true sizes; of two by other code the present one's."""
    found: dict[str, dict[str, Any]] = {}
    for key, entry in sorted(entries.items()):
        part, card = BY_NAME.get(entry["part"]), entry["card"]["name"]
        if part is None or card == "cpu" or entry["sizes"] != dict(part.sizes):
            continue
        known = found.setdefault(card, {})
        if part.name not in known or key == part.key(card, toy=False):
            known[part.name] = entry
    return found


def cell(entry: Mapping[str, Any] | None, say: Say) -> str:
    if entry is None:
        return "unmeasured"
    if entry["status"] != "measured":
        return f"unmeasured: {entry['status']}, {entry['why'].splitlines()[0]}".replace("|", "/")
    return say(entry["result"], Card(**entry["card"]))


def report(entries: Mapping[str, Any]) -> str:
    """Markdown: one table, a column for each card."""
    cards = latest(entries)
    columns: list[tuple[str, Mapping[str, Any]]] = list(cards.items()) or [("no GPU yet", {})]
    rows = [
        [label, goal, *(cell(known.get(part), say) for _, known in columns)]
        for label, goal, part, say in LINES
    ]
    text = table(["what", "goal", *(name for name, _ in columns)], rows)
    for name, known in columns:
        if known:
            said = {", ".join(f"{k} {v}" for k, v in e["versions"].items()) for e in known.values()}
            text += f"\n\n{name}: {'; '.join(sorted(said))}."
    return text + "\n"


def write_readme(entries: Mapping[str, Any], path: Path = README) -> None:
    """Put the table between its two marks."""
    text = path.read_text(encoding="utf-8")
    inside = re.escape(BEGIN) + ".*?" + re.escape(END)
    new = re.sub(inside, lambda _: BEGIN + report(entries) + END, text, flags=re.S)
    write_atomic(path, new.encode())
