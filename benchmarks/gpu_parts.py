"""What is measured on a GPU, part by part: how long each may take, at which sizes, of which files.

The order is that of worth: what is right first, then what is fast. All bounds together, and the
start of the process, stay below nine minutes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import gpu_jsd, gpu_models
from taskpgm_core.files.hashing import digest_of, sha256_file

ROOT = Path(__file__).parents[1]
Sizes = Mapping[str, int | float | str]
Some = dict[str, int | float | str]


@dataclass(frozen=True)
class Part:
    """``run(seconds, **sizes)`` measures it and is stopped after ``seconds``; ``toy``: sizes at
    which a CPU does it in seconds; ``measured``: the files whose change makes it stale."""

    name: str
    seconds: float
    run: Callable[..., dict[str, Any]]
    sizes: Sizes = field(default_factory=dict)
    toy: Sizes = field(default_factory=dict)
    measured: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """The digest of the measured files, and of the one that measures them."""
        files = [f"taskpgm_core/measure/{name}.py" for name in self.measured]
        files.append(f"{self.run.__module__.replace('.', '/')}.py")
        return digest_of({name: sha256_file(ROOT / name) for name in files})

    def key(self, card: str, *, toy: bool) -> str:
        """The name of its result: another card, other code or other sizes have another one."""
        about = {"code": self.code, "sizes": dict(self.toy if toy else self.sizes)}
        return f"{card}/{self.name}/{digest_of(about)[:12]}"


JSD = ("jsd", "jsd_triton", "lm_head")
SCORING = ("scoring", "adapters", "base_model", "lm_head")
TRAINING = ("finetuning", "adapters", "base_model", "lm_head")
BUILD = ("executor", "worker", "scoring", "finetuning", "jsd", "jsd_triton")
ONE_PAIR: Some = {"positions": 8192, "vocabulary": 131_072}
TOY_PAIR: Some = {"positions": 70, "vocabulary": 500}
RACE, TOY_RACE = ONE_PAIR | {"rounds": 5}, TOY_PAIR | {"rounds": 1}
TOY_MODEL: Some = {"shape": "toy", "rows": 20, "rounds": 1}

PARTS = (
    Part(
        "kernel, V = 49,152",
        20,
        gpu_jsd.kernel_errors,
        {"positions": 96, "vocabulary": 49_152},
        {"positions": 12, "vocabulary": 300},
        JSD,
    ),
    Part(
        "kernel, V = 131,072",
        15,
        gpu_jsd.kernel_errors,
        {"positions": 96, "vocabulary": 131_072},
        {"positions": 12, "vocabulary": 401},
        JSD,
    ),
    Part(
        "kernel, bits",
        10,
        gpu_jsd.kernel_bits,
        {"models": 40, "rows": 4, "columns": 49_152},
        {"models": 10, "rows": 1, "columns": 200},
        JSD,
    ),
    Part("tests", 40, gpu_jsd.cuda_tests, measured=(*JSD, "jsd_bounds")),
    Part("pair", 15, gpu_jsd.pair, RACE, TOY_RACE, JSD),
    Part("pair, Liger-Kernel", 25, gpu_jsd.pair_liger, RACE, TOY_RACE, JSD),
    Part("pair, compiled", 35, gpu_jsd.pair_compiled, RACE, TOY_RACE, JSD),
    Part("pair, profile", 10, gpu_jsd.pair_profile, ONE_PAIR, TOY_PAIR, JSD),
    Part(
        "26 models",
        30,
        gpu_jsd.every_pair,
        {"models": 26, "positions": 2048, "vocabulary": 49_152, "looped": 65, "rounds": 2},
        {"models": 5, "positions": 20, "vocabulary": 300, "looped": 10, "rounds": 1},
        JSD,
    ),
    Part(
        "120 models",
        30,
        gpu_jsd.every_pair,
        {"models": 120, "positions": 1024, "vocabulary": 49_152, "looped": 60, "rounds": 1},
        {"models": 8, "positions": 20, "vocabulary": 300, "looped": 7, "rounds": 1},
        JSD,
    ),
    Part(
        "kept set",
        25,
        gpu_jsd.kept_set,
        {"models": 26, "positions": 1024, "vocabulary": 131_072, "kept": 256, "rounds": 2},
        {"models": 4, "positions": 20, "vocabulary": 300, "kept": 8, "rounds": 1},
        (*JSD, "jsd_bounds"),
    ),
    Part(
        "scoring, SmolLM2-135M",
        80,
        gpu_models.scoring,
        {"shape": "smollm2-135m", "adapters": 8, "rows": 512, "rounds": 5},
        TOY_MODEL | {"adapters": 2},
        SCORING,
    ),
    Part(
        "scoring, Llama-2-7B",
        55,
        gpu_models.scoring,
        {"shape": "llama-2-7b", "adapters": 8, "rows": 256, "rounds": 3},
        TOY_MODEL | {"adapters": 1},
        SCORING,
    ),
    Part(
        "training, SmolLM2-135M",
        15,
        gpu_models.training,
        {"shape": "smollm2-135m", "steps": 22},
        {"shape": "toy", "steps": 3},
        TRAINING,
    ),
    Part(
        "training, Llama-2-7B",
        40,
        gpu_models.training,
        {"shape": "llama-2-7b", "steps": 12},
        {"shape": "toy", "steps": 4},
        TRAINING,
    ),
    Part(
        "out of memory",
        30,
        gpu_models.out_of_memory,
        {"hidden": 512, "batch": 256, "share": 0.6},
        {"hidden": 32, "batch": 16, "share": 0.6},
        BUILD,
    ),
)
BY_NAME = {part.name: part for part in PARTS}
