"""The only room that opens study files: what is read is checked against its checksum first."""

from taskpgm_core.store.arrays import (
    LikelyTokens,
    PairDivergences,
    ProbePool,
    base_divergence,
    gold_log_probabilities,
    likely_tokens,
    losses,
    noise,
    pair_divergences,
    probe_pool,
    similarity,
    token_divergences,
    training_curves,
    upper_bound,
)
from taskpgm_core.store.assembly import assemble, finished, measured_files, recover
from taskpgm_core.store.cache import cache_root, find_folder, list_studies, open_study
from taskpgm_core.store.evidence import (
    SUITE,
    drop_run,
    evidence,
    evidence_columns,
    has_run,
    import_runs,
    keep_run,
    kept_run,
    read_runs,
)
from taskpgm_core.store.imports import import_matrix
from taskpgm_core.store.lock import locked
from taskpgm_core.store.manifest import put_back
from taskpgm_core.store.mixture_file import parse_mixture, read_mixture
from taskpgm_core.store.packing import delete, pack, unpack
from taskpgm_core.store.removal import remaining, without
from taskpgm_core.store.text import bring_text, example_checksums, probe_text
from taskpgm_core.store.units import Units
from taskpgm_core.store.verify import Damage, Verification, damages, mend_guard, verify

__all__ = [
    "SUITE",
    "Damage",
    "LikelyTokens",
    "PairDivergences",
    "ProbePool",
    "Units",
    "Verification",
    "assemble",
    "base_divergence",
    "bring_text",
    "cache_root",
    "damages",
    "delete",
    "drop_run",
    "evidence",
    "evidence_columns",
    "example_checksums",
    "find_folder",
    "finished",
    "gold_log_probabilities",
    "has_run",
    "import_matrix",
    "import_runs",
    "keep_run",
    "kept_run",
    "likely_tokens",
    "list_studies",
    "locked",
    "losses",
    "measured_files",
    "mend_guard",
    "noise",
    "open_study",
    "pack",
    "pair_divergences",
    "parse_mixture",
    "probe_pool",
    "probe_text",
    "put_back",
    "read_mixture",
    "read_runs",
    "recover",
    "remaining",
    "similarity",
    "token_divergences",
    "training_curves",
    "unpack",
    "upper_bound",
    "verify",
    "without",
]
