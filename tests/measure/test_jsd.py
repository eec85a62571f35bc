"""Divergences of all pairs, against two plain log-softmaxes a pair in float64."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.jsd import LN2, all_pairs
from taskpgm_core.measure.lm_head import Head

NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, NO_GPU])]


def plain(p_logits, q_logits):
    """(positions,) JSD of two sets of logits, float64, the obvious way."""
    lp, lq = (torch.log_softmax(x.double(), -1) for x in (p_logits, q_logits))
    lm = torch.logaddexp(lp, lq) - LN2

    def part(x):
        return torch.where(torch.isinf(x), 0.0, x.exp() * (x - lm)).sum(-1)

    return ((part(lp) + part(lq)) / 2).numpy()


def every_pair(n):
    return list(zip(*(x.tolist() for x in np.triu_indices(n, 1)), strict=True))


def setting(n, positions, width, vocabulary, seed=0, spread=1.0):
    """Hidden states of n models near one another, and a head."""
    rng = torch.Generator().manual_seed(seed)
    head = Head(torch.randn(vocabulary, width, generator=rng))
    common = torch.randn(positions, width, generator=rng)
    hidden = [common + spread * torch.randn(positions, width, generator=rng) for _ in range(n)]
    return [h.numpy() for h in hidden], head


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("vocabulary", [1, 2, 41, 401, 1271])
@pytest.mark.parametrize("positions", [1, 7, 70])
@pytest.mark.parametrize("tile", [1 << 22, 1 << 11])
def test_all_pairs_are_the_plain_loop(vocabulary, positions, tile, device):
    n = 5
    hidden, head = setting(n, positions, 8, vocabulary, seed=vocabulary)
    on = Head(head.weight.to(device))
    found = all_pairs(hidden, [on] * n, every_pair(n), device=device, tile=tile)
    logits = [head(torch.from_numpy(h)) for h in hidden]
    for row, (i, j) in enumerate(every_pair(n)):
        assert found[row] == pytest.approx(plain(logits[i], logits[j]), rel=1e-4, abs=1e-9)
    assert found.min() >= 0
    assert found.max() <= LN2 + 1e-12


def by_the_kernel(tmp_path, questions):
    """What the GPU's kernel answers to each (hidden, head, pairs, tile), carried out on this CPU
    by Triton."""
    pytest.importorskip("triton")
    asked = {}
    for k, (hidden, heads, pairs, tile) in enumerate(questions):
        weights = np.stack([head.weight.numpy() for head in heads])
        asked |= {f"h{k}": np.stack(hidden), f"w{k}": weights, f"p{k}": pairs, f"t{k}": tile}
    np.savez(tmp_path / "asked.npz", **asked)
    in_a_process(INTERPRET, str(tmp_path), TRITON_INTERPRET="1")
    with np.load(tmp_path / "found.npz") as found:
        return [found[f"arr_{k}"] for k in range(len(questions))]


def in_a_process(code, *words, **environment):
    """Triton decides when it is imported whether it interprets."""
    run = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


INTERPRET = """
import sys
import numpy as np
import torch
from taskpgm_core.measure.jsd import by_kernel
from taskpgm_core.measure.lm_head import Head

asked, answers = np.load(sys.argv[1] + "/asked.npz"), []
for k in range(len(asked.files) // 4):
    heads = [Head(torch.from_numpy(w)) for w in asked[f"w{k}"]]
    pairs = [tuple(pair) for pair in asked[f"p{k}"].tolist()]
    answers.append(by_kernel(list(asked[f"h{k}"]), heads, pairs, "cpu", int(asked[f"t{k}"])))
np.savez(sys.argv[1] + "/found.npz", *answers)
"""
WHOLE = 1 << 22


def test_the_kernel_for_a_gpu_finds_what_the_plain_loop_finds(tmp_path):
    """Of any number of tokens, pairs in any order, whole or a stretch at a time, near and far."""
    pairs = [*every_pair(11), (4, 0), (4, 1), (10, 10)]
    settings = [
        (setting(11, 3, 8, vocabulary, spread=spread), tile)
        for vocabulary in (1, 255, 256, 300)
        for spread in (1.0, 0.03)
        for tile in (WHOLE, 1 << 11)
    ]
    asked = [(hidden, [head] * 11, pairs, tile) for (hidden, head), tile in settings]
    for ((hidden, head), _), found in zip(settings, by_the_kernel(tmp_path, asked), strict=True):
        logits = [head(torch.from_numpy(h)) for h in hidden]
        for row, (i, j) in enumerate(pairs):
            assert found[row] == pytest.approx(plain(logits[i], logits[j]), rel=1e-4, abs=1e-10)
        assert not found[-1].any()


def test_the_kernel_keeps_the_digits_of_tiny_divergences_over_many_tokens(tmp_path):
    """More tokens than one program takes; 1e-5 of the divergence down to 1e-9 nats."""
    rng = torch.Generator().manual_seed(2)
    steps = 10 ** torch.linspace(-4.5, 1, 12)
    common = torch.randn(2, 20_000, generator=rng)
    logits = [common, *(common + s * torch.randn(common.shape, generator=rng) for s in steps)]
    heads = [Head(z.T.contiguous()) for z in logits]
    hidden = [np.eye(2, dtype=np.float32)] * len(heads)
    pairs = [(0, k) for k in range(1, len(heads))]
    (found,) = by_the_kernel(tmp_path, [(hidden, heads, pairs, WHOLE)])
    reference = np.array([plain(logits[0], logits[k]) for _, k in pairs])
    assert reference.min() < 1e-9
    assert found == pytest.approx(reference, rel=1e-5)


def test_the_kernel_gives_a_pair_the_same_bits_whatever_is_beside_it(tmp_path):
    rng = torch.Generator().manual_seed(0)
    heads = [Head(4 * torch.randn(500, 1, generator=rng)) for _ in range(20)]
    one = np.ones((1, 1), dtype=np.float32)
    pairs = every_pair(20)
    some = range(0, len(pairs), 17)
    alone = [([one] * 2, [heads[k] for k in pairs[row]], [(0, 1)], WHOLE) for row in some]
    together, *apart = by_the_kernel(tmp_path, [([one] * 20, heads, pairs, WHOLE), *alone])
    assert [found[0] for found in apart] == [together[row] for row in some]


def test_the_kernel_knows_masked_impossible_and_broken_tokens(tmp_path):
    logits = extreme_logits()
    broken = torch.full((2, 300), -torch.inf)
    broken[1] = 0.0
    broken[1, 7] = torch.nan
    heads = [Head(row[:, None]) for row in torch.cat([logits, broken])]
    pairs = every_pair(8)
    (found,) = by_the_kernel(tmp_path, [([np.ones((1, 1), np.float32)] * 8, heads, pairs, WHOLE)])
    for value, (i, j) in zip(found[:, 0], pairs, strict=True):
        if j < 6:
            right = plain(logits[i : i + 1], logits[j : j + 1])[0]
            assert value == pytest.approx(right, rel=1e-5, abs=1e-12)
        else:
            assert np.isnan(value)


def test_a_missing_compiler_is_a_sentence(monkeypatch):
    pytest.importorskip("triton")
    from taskpgm_core.measure import jsd_triton

    class Bare:
        def __getitem__(self, grid):
            raise RuntimeError("Failed to find C compiler. Please specify via CC.")

    z, normaliser = torch.ones(1, 2, 3), torch.zeros(1, 2).double()
    monkeypatch.setattr(jsd_triton, "pairs_kernel", Bare())
    with pytest.raises(MeasurementError, match="install gcc"):
        jsd_triton.add_pairs(torch.zeros(1, 1).long(), z, normaliser, [(0, 1, 2, 0)])


@pytest.mark.parametrize("capability", ["80", "90", "100"])
def test_the_kernel_compiles_for_gpus_that_are_not_here(capability, tmp_path):
    """To machine code, by the assembler that comes with Triton."""
    pytest.importorskip("triton")
    size = in_a_process(COMPILE, capability, TRITON_CACHE_DIR=str(tmp_path))
    assert int(size) > 1000


COMPILE = """
import sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from taskpgm_core.measure.jsd_triton import BLOCK, PARTNERS, SPAN, UNIT, pairs_kernel

kinds = {"z": "*fp32", "normaliser": "*fp64", "pieces": "*i64", "total": "*i64"}
kinds |= {name: "i32" for name in ("models", "columns", "rows")}
fixed = {"PARTNERS": PARTNERS, "BLOCK": BLOCK, "SPAN": SPAN, "UNIT": UNIT}
source = ASTSource(pairs_kernel, kinds | dict.fromkeys(fixed, "constexpr"), fixed)
compiled = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32))
print(len(compiled.asm["cubin"]))
"""


@pytest.mark.parametrize("pairs", [[(0, 3), (0, 1), (2, 3), (3, 0), (1, 1)], [(2, 2)], []])
def test_any_pairs_in_any_order(pairs):
    hidden, head = setting(4, 9, 6, 50)
    found = all_pairs(hidden, [head] * 4, pairs)
    assert found.shape == (len(pairs), 9)
    logits = [head(torch.from_numpy(h)) for h in hidden]
    for row, (i, j) in enumerate(pairs):
        assert found[row] == pytest.approx(plain(logits[i], logits[j]), abs=1e-9)
        if i == j:
            assert found[row].max() <= 1e-14


@pytest.mark.parametrize("step", [1e-1, 1e-2, 1.5e-3])
def test_tiny_divergences_keep_their_digits(step):
    """1% relative down to 1e-7 nats, float32 logits and all."""
    rng = torch.Generator().manual_seed(1)
    hidden = torch.randn(200, 32, generator=rng)
    moved = hidden + step * torch.randn(200, 32, generator=rng)
    head = Head(torch.randn(500, 32, generator=rng) / 4)
    found = all_pairs([hidden.numpy(), moved.numpy()], [head, head], [(0, 1)])[0]
    exact = Head(head.weight.double())
    reference = plain(*(h.double() @ exact.weight.T for h in (hidden, moved)))
    counted = reference > 1e-7
    assert counted.any()
    assert found[counted] == pytest.approx(reference[counted], rel=0.01)
    assert (np.abs(found - reference) < 1e-8 + 1e-4 * reference).all()


def extreme_logits():
    logits = torch.zeros(6, 300)
    logits[0, 10:] = -torch.inf  # a masked, padded vocabulary
    logits[1, :10] = -torch.inf
    logits[2, 5] = 400.0  # all mass on one token, the others underflow
    logits[3, 6] = 400.0
    logits[4] = torch.linspace(-300, 300, 300)
    logits[5] = torch.linspace(300, -300, 300)
    return logits


def test_masked_and_impossible_tokens_are_no_nan():
    logits = extreme_logits()
    pairs = every_pair(6)
    heads = [Head(row[:, None]) for row in logits]
    found = all_pairs([np.ones((1, 1), dtype=np.float32)] * 6, heads, pairs)[:, 0]
    assert np.isfinite(found).all()
    for value, (i, j) in zip(found, pairs, strict=True):
        assert value == pytest.approx(plain(logits[i : i + 1], logits[j : j + 1])[0], abs=1e-12)
    assert found[pairs.index((0, 1))] == pytest.approx(LN2)
    assert found[pairs.index((2, 3))] == pytest.approx(LN2)
    for i in range(6):
        same = all_pairs([np.ones((1, 1), dtype=np.float32)] * 2, [heads[i]] * 2, [(0, 1)])
        assert same[0, 0] <= 1e-15


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.floats(-3, 2.6))
def test_no_log_probability_gives_a_nan(seed, magnitude):
    rng = torch.Generator().manual_seed(seed)
    logits = 10**magnitude * torch.randn(3, 64, generator=rng)
    logits[torch.rand(3, 64, generator=rng) < 0.2] = -torch.inf
    logits[:, 0] = 0.0
    heads = [Head(row[:, None]) for row in logits]
    found = all_pairs([np.ones((1, 1), dtype=np.float32)] * 3, heads, every_pair(3))[:, 0]
    wanted = [plain(logits[i : i + 1], logits[j : j + 1])[0] for i, j in every_pair(3)]
    assert found == pytest.approx(wanted, abs=1e-12)


def test_minus_d_is_convex_on_the_simplex():
    n = 12
    hidden, head = setting(n, 5, 8, 200, seed=3)
    D = np.zeros((n, n))
    D[np.triu_indices(n, 1)] = all_pairs(hidden, [head] * n, every_pair(n)).mean(axis=1)
    D += D.T
    P = np.eye(n) - 1 / n
    assert np.linalg.eigvalsh(-P @ D @ P)[0] > -1e-12


def test_the_order_of_models_does_not_matter():
    hidden, head = setting(2, 20, 8, 300)
    one, other = (all_pairs(hidden, [head] * 2, pair) for pair in ([(0, 1)], [(1, 0)]))
    assert one == pytest.approx(other, abs=1e-15)


MEMORY = """
import resource, sys
import numpy as np, torch
from taskpgm_core.measure.jsd import all_pairs
from taskpgm_core.measure.lm_head import Head

torch.set_num_threads(1)
models, vocabulary = map(int, sys.argv[1:])
head = Head(torch.ones(vocabulary, 1).normal_(generator=torch.Generator().manual_seed(0)))
pairs = [(i, j) for i in range(models) for j in range(i + 1, models)]
hidden = [np.full((16, 1), 0.1 * k, dtype=np.float32) for k in range(models)]
all_pairs(hidden[:2], [head] * 2, pairs[:1], tile=1 << 18)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
all_pairs(hidden, [head] * models, pairs, tile=1 << 18)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def peak(models, vocabulary):
    """Bytes that comparing so many models over so large a vocabulary adds to the process's peak."""
    return int(in_a_process(MEMORY, str(models), str(vocabulary)))


@pytest.mark.parametrize(("models", "vocabulary"), [(4, 400_000), (40, 40_000)])
def test_memory_is_flat_in_models_and_vocabulary(models, vocabulary):
    bound = 12 * (1 << 18) + (24 << 20)  # every model's logits would be 100 MB
    # libraries that load late only ever add to a peak: the least of a few is the kernel's own
    assert any(peak(models, vocabulary) < bound for _ in range(5))
