"""The script for GPUs: every part in toy size, what stops a part, what is kept and not repeated."""

import contextlib
import json
import sys
import time
import types
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import gpu_all, gpu_jsd, gpu_models, gpu_parts, gpu_report
from benchmarks.gpu_card import NotMeasuredError, sheet_of
from benchmarks.gpu_parts import BY_NAME, PARTS, ROOT
from taskpgm_core.builds import pipeline
from taskpgm_core.measure import Silence, finetuning, worker
from tests.support.tiny_model import save_tiny

GPU = torch.cuda.is_available()
NEED_A_GPU = {"tests", "pair, Liger-Kernel", "pair, compiled", "out of memory"}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """What a whole run in toy size found, by the name of the part."""
    pytest.importorskip("triton")
    out = tmp_path_factory.mktemp("toy")
    gpu_all.main(["--toy", "--out", str(out)])
    entries = gpu_all.entries_of(out / "gpu.json")
    return {entry["part"]: entry for entry in entries.values()}


def test_every_part_runs_in_toy_size(toy):
    assert set(toy) == set(BY_NAME)
    for name, entry in toy.items():
        if name in NEED_A_GPU and not GPU:
            assert (entry["status"], entry["why"]) == ("not measured", "no CUDA device")
        elif name != "pair, Liger-Kernel" or entry["status"] == "measured":
            assert entry["status"] == "measured", entry
            assert entry["result"].get("right", True), entry


def test_the_kernel_is_checked_on_divergences_below_the_least_that_counts(toy):
    for name in ("kernel, V = 49,152", "kernel, V = 131,072"):
        found = toy[name]["result"]
        assert found["given"]["least"] < gpu_jsd.LEAST < found["masked"]["nats"] + 1
        assert all(found[case]["counted"] >= 5 for case in ("given", "masked", "all_pairs"))


def test_all_bounds_together_stay_below_nine_minutes():
    assert sum(part.seconds for part in PARTS) + gpu_all.START <= 9 * 60
    assert all(part.seconds > 0 for part in PARTS)
    assert len(BY_NAME) == len(PARTS)


def test_a_part_that_takes_too_long_or_breaks_is_ended_and_the_next_one_runs():
    beside, quick = gpu_all.Beside(toy=True), BY_NAME["pair"]
    try:
        assert "card" in beside.start(120)
        assert beside.ask(quick, 0.0)["status"] == "stopped"
        assert beside.ask(quick, 120)["status"] == "measured"
        beside._process.kill()
        beside._process.join()
        broken = beside.ask(quick, 120)
        assert (broken["status"], "ended" in broken["why"]) == ("failed", True)
        assert beside._process is None  # so that the next part starts another
    finally:
        beside.stop()


# What is kept


class Quick:
    """Stands for the process beside: answers at once, and remembers what it was asked."""

    card = "Some card"

    def __init__(self, toy):
        self.asked = asked = []
        Quick.last = asked

    def start(self, seconds):
        card = {"name": self.card, "sheet": None, "memory": 1}
        return {"card": card, "versions": {"torch": "0"}}

    def ask(self, part, seconds):
        self.asked.append(part.name)
        return {"status": "measured", "result": {"bound": seconds}}

    def stop(self, patience=0.0):
        pass


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """A run of the script that takes no time: ``quick(seconds)`` gives what was asked for."""
    monkeypatch.setattr(gpu_all, "Beside", Quick)
    monkeypatch.setattr(gpu_all, "RESULTS", tmp_path / "committed" / "gpu.json")

    def run(seconds=540.0, parts=PARTS, out="out"):
        path = tmp_path / out / "gpu.json"
        gpu_all.measure(path, parts, time.monotonic() + seconds, toy=False)
        return Quick.last

    return run


def test_what_is_finished_is_not_repeated(quick, tmp_path):
    assert quick(parts=PARTS[:3]) == [part.name for part in PARTS[:3]]
    assert quick() == [part.name for part in PARTS[3:]]
    assert quick() == []
    found = gpu_all.entries_of(tmp_path / "out" / "gpu.json")
    assert {e["part"]: e["result"]["bound"] for e in found.values()} == {
        part.name: pytest.approx(part.seconds) for part in PARTS
    }
    assert quick(out="committed") == [part.name for part in PARTS]
    assert quick(out="elsewhere") == []
    assert len(gpu_all.entries_of(tmp_path / "elsewhere" / "gpu.json")) == len(PARTS)


def test_when_time_is_up_the_rest_is_left_to_the_next_run(quick, tmp_path):
    assert quick(seconds=0.5) == []
    assert quick(seconds=10) == [part.name for part in PARTS]
    found = gpu_all.entries_of(tmp_path / "out" / "gpu.json")
    assert max(entry["result"]["bound"] for entry in found.values()) <= 10


def test_results_are_whole_after_every_part(quick, tmp_path, monkeypatch):
    seen = []

    def ask(self, part, seconds):
        path = tmp_path / "out" / "gpu.json"
        seen.append(len(gpu_all.entries_of(path)))
        return {"status": "failed", "why": "it broke"}

    monkeypatch.setattr(Quick, "ask", ask)
    quick()
    quick()  # what failed is tried again
    assert seen == [*range(len(PARTS)), *[len(PARTS)] * len(PARTS)]


def test_another_card_and_other_code_are_measured_anew(quick, tmp_path, monkeypatch):
    some = PARTS[:2]
    quick(parts=some)
    monkeypatch.setattr(Quick, "card", "Other card")
    assert len(quick(parts=some)) == 2
    path = tmp_path / "out" / "gpu.json"
    assert len(gpu_all.entries_of(path)) == 4
    other = [replace(part, measured=(*part.measured, "scoring")) for part in some]
    assert len(quick(parts=other)) == 2
    assert len(gpu_all.entries_of(path)) == 4  # the older results of this card are gone
    larger = [replace(part, sizes={**part.sizes, "positions": 1}) for part in some]
    assert len(quick(parts=larger)) == 2
    assert len(gpu_all.entries_of(path)) == 6


def test_the_code_of_a_part_is_the_bytes_of_its_files(tmp_path, monkeypatch):
    part = BY_NAME["pair"]
    for name in [f"taskpgm_core/measure/{m}.py" for m in part.measured] + ["benchmarks/gpu_jsd.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    before = part.code
    monkeypatch.setattr(gpu_parts, "ROOT", tmp_path)
    assert part.code == before
    (tmp_path / "taskpgm_core/measure/jsd.py").write_text("changed")
    assert part.code != before


def test_toy_results_never_stand_among_real_ones(capsys):
    with pytest.raises(SystemExit):
        gpu_all.main(["--toy"])
    assert "--out" in capsys.readouterr().err
    if not GPU:
        with pytest.raises(SystemExit):
            gpu_all.main([])
        assert "no CUDA device" in capsys.readouterr().err


# What is checked


def by_loop(total, z, normaliser, runs):
    """Stands for the kernel where Triton does not interpret: the obvious way, in float64."""
    lp = z.double() - normaliser[..., None]
    for model, first, last, place in runs:
        for k in range(first, last):
            found = gpu_jsd.exact(lp[:, model], lp[:, k])
            total[place + k - first] += (found / gpu_jsd.NATS).long()


def test_a_wrong_kernel_is_found(monkeypatch):
    def wrong(total, *rest):
        by_loop(total, *rest)
        total += total // 50

    pytest.importorskip("triton")
    sizes = BY_NAME["kernel, V = 49,152"].toy
    monkeypatch.setattr(gpu_jsd, "add_pairs", by_loop)
    assert gpu_jsd.kernel_errors(9.0, **sizes)["right"]
    monkeypatch.setattr(gpu_jsd, "add_pairs", wrong)
    assert not gpu_jsd.kernel_errors(9.0, **sizes)["right"]


def test_bits_that_depend_on_what_is_beside_a_pair_are_found(monkeypatch):
    def uneven(total, z, normaliser, runs):
        by_loop(total, z, normaliser, runs)
        total += z.shape[1]

    pytest.importorskip("triton")
    monkeypatch.setattr(gpu_jsd, "add_pairs", by_loop)
    assert gpu_jsd.kernel_bits(9.0, models=6, rows=2, columns=40)["right"]
    monkeypatch.setattr(gpu_jsd, "add_pairs", uneven)
    assert not gpu_jsd.kernel_bits(9.0, models=6, rows=2, columns=40)["right"]


def test_peers_are_asked_for_the_same_thing(monkeypatch):
    """A stand-in for Liger-Kernel, which answers with the mean as it does."""
    there = types.ModuleType("liger_kernel.transformers.functional")
    there.liger_jsd = lambda lp, lq: gpu_jsd.plain(lp, lq).mean()
    monkeypatch.setattr(gpu_jsd, "needs_cuda", lambda: None)
    monkeypatch.setattr(gpu_jsd, "add_pairs", by_loop)
    monkeypatch.setattr(torch, "compile", lambda way, dynamic: way)
    sizes = BY_NAME["pair"].toy
    for name in ("liger_kernel", "liger_kernel.transformers"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, there.__name__, there)
    found = gpu_jsd.pair_liger(9.0, **sizes)
    assert found["nats_apart"] < 1e-7
    ways = found["ways"]
    assert found["times_liger"] == ways["liger"]["ms"] / ways["ours"]["ms"]
    assert set(gpu_jsd.pair_compiled(9.0, **sizes)["ways"]) == {"compiled", "ours", "copy"}
    monkeypatch.setitem(sys.modules, there.__name__, None)
    with pytest.raises(NotMeasuredError, match="not installed"):
        gpu_jsd.pair_liger(9.0, **sizes)


@pytest.mark.parametrize(
    ("name", "giga", "sheet"),
    [
        ("NVIDIA H100 80GB HBM3", 85.0, "H100"),
        ("NVIDIA H100 PCIe", 85.0, None),
        ("NVIDIA H200", 150.1, "H200"),
        ("NVIDIA A100-SXM4-80GB", 85.1, "A100-80GB"),
        ("NVIDIA A100-SXM4-40GB", 42.4, "A100-40GB"),
        ("NVIDIA L40S", 47.6, "L40S"),
        ("NVIDIA GeForce RTX 4090", 25.3, None),
    ],
)
def test_a_card_is_known_by_its_name_and_memory(name, giga, sheet):
    assert sheet_of(name, int(giga * 1e9)) == sheet


@pytest.mark.parametrize("stage", ["scoring", "training"])
def test_a_build_short_of_memory_is_compared_with_one_that_has_room(stage, tmp_path, monkeypatch):
    """The memory is simulated here; on a GPU the allocator itself refuses."""

    def short(module, name, size):
        original = getattr(module, name)

        def call(base, rows, *rest):
            if size(rows) > 6:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return original(base, rows, *rest)

        return module, name, call

    shorts = {
        "scoring": short(worker, "score", lambda batch: len(batch.ids)),
        "training": short(finetuning, "completion_loss", len),
    }

    @contextlib.contextmanager
    def tight():
        with monkeypatch.context() as patch:
            patch.setattr(*shorts[stage])
            yield

    plan, fact = gpu_models.studies(save_tiny(tmp_path / "model"), 16)[stage]
    pipeline.build(plan, progress=Silence(), root=tmp_path / "free")
    found = gpu_models.halved(plan, fact, 16, tmp_path, tight())
    assert (found["went_on_with"], found["right"]) == (4, True)
    assert found["nats_apart"] < 1e-4
    assert any("Memory ran out" in sentence for sentence in found["sentences"])
    idle = gpu_models.halved(plan, fact, 16, tmp_path, contextlib.nullcontext())
    assert idle["went_on_with"] == 4  # the study of the tight room, found again


# What is said


def test_the_readme_says_what_is_measured():
    text = gpu_report.README.read_text(encoding="utf-8")
    inside = text.partition(gpu_report.BEGIN)[2].partition(gpu_report.END)[0]
    assert inside == gpu_report.report(gpu_all.entries_of(gpu_all.RESULTS))


def as_if_real(toy, **card):
    """Toy results as entries of true size on a card."""
    known = {"name": "NVIDIA H100 80GB HBM3", "sheet": "H100", "memory": 85_000_000_000, **card}
    entries = {}
    for name, entry in toy.items():
        result = {"peak": 2_500_000_000, **entry.get("result", {})}
        sizes = dict(BY_NAME[name].sizes)
        entries[name] = {**entry, "card": known, "sizes": sizes, "result": result}
    return entries


@pytest.mark.parametrize("sheet", ["H100", None])
def test_every_line_finds_its_number(toy, sheet):
    text = gpu_report.report(as_if_real(toy, sheet=sheet))
    rows = [row.split("|") for row in text.splitlines()[2:] if "|" in row]
    said = {row[1].strip(): row[3] for row in rows}
    assert len(said) == len(gpu_report.LINES)
    assert set(said) == {label for label, *_ in gpu_report.LINES}
    for label, _, part, _ in gpu_report.LINES:
        assert ("unmeasured" in said[label]) == (toy[part]["status"] != "measured"), label
    assert ("dry run" in said["Llama-2-7B, tokens/s scored"]) == (sheet is not None)
    assert "2.50 GB" in said["Llama-2-7B, peak memory, trained"]


def test_a_table_has_no_toy_result_and_no_result_of_a_cpu(toy):
    nothing = gpu_report.report({})
    assert "unmeasured" in nothing
    assert gpu_report.report(toy) == nothing
    real = as_if_real(toy)
    assert gpu_report.report({k: e | {"sizes": {}} for k, e in real.items()}) != nothing
    small = {k: e | {"sizes": {"positions": 1}} for k, e in real.items()}
    assert gpu_report.report(small) == nothing


def test_of_two_results_the_one_by_the_present_code_is_shown():
    part = BY_NAME["tests"]
    card = {"name": "Card", "sheet": None, "memory": 1}
    common = {"part": part.name, "sizes": {}, "card": card, "versions": {}, "status": "measured"}
    now = part.key("Card", toy=False)
    entries = {
        f"Card/{part.name}/{other}": common | {"result": {"said": "old"}} for other in ("0", "z")
    }
    entries[now] = common | {"result": {"said": "new"}}
    shown = gpu_report.latest(json.loads(json.dumps(entries)))["Card"][part.name]
    assert shown["result"]["said"] == "new"


def test_the_readme_is_written_between_its_marks(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{gpu_report.BEGIN}old\n{gpu_report.END}\nafter\n")
    gpu_report.write_readme({}, path)
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"{gpu_report.END}\nafter\n")
    assert "old" not in text
    assert gpu_report.report({}) in text


def test_random_models_have_the_true_shapes():
    """Weights of SmolLM2-135M by its name: 134.5 million; rows of the plan's expected length."""
    plan, shape = gpu_models.plan_of("smollm2-135m")
    from taskpgm_core.builds.cost_model import parameters

    weights = parameters(shape)
    assert weights["body"] + weights["head"] == pytest.approx(134.5e6, rel=0.01)
    big = parameters(gpu_models.plan_of("llama-2-7b")[1])
    assert big["body"] + 2 * big["head"] == pytest.approx(6.74e9, rel=0.01)
    batches = gpu_models.random_batches(shape, 20, plan.probe.batch, 8)
    assert [batch.ids.shape for batch in batches] == [(16, 168), (4, 168)]
    assert np.concatenate([batch.places for batch in batches]).tolist() == list(range(160))
    for batch in batches:
        assert (batch.gold == batch.ids[batch.rows, batch.columns + 1]).all()
