"""The mixtures in trainers' own files: what each of their numbers means, by the key beside it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from taskpgm_core.store.mixture_parts import Part, UnclearError, Unit

_SLICE = re.compile(r"[^\[]*\[:(\d+)(%?)\]")
_CHANCES = "probabilities interleave_probs interleave_prob dataset_probs prompt_data_probs"
PROBABILITIES = tuple(_CHANCES.split())
PLACES = (
    *("task", "source_name", "data_files", "dataset_path", "path_or_dataset", "path", "id"),
    *("dataset_name", "dataset", "name", "local", "file_name", "hf_hub_url"),
)
AMOUNTS: Mapping[str, Unit] = {
    "mixture_proportion": "share",
    "sample_count": "rows",
    "num_samples": "rows",
    "target_ratio": "token share",
}
STREAM: Mapping[str, Unit] = {"proportion": "share", "choose": "rows", "repeat": "epochs"}


def trainer_parts(value: Any) -> list[Part] | None:
    """The parts of a trainer's mixture, or None where ``value`` is of no trainer that is known.

    UnclearError where the file is a trainer's, but its numbers are elsewhere or have two meanings.
    """
    if isinstance(value, list):
        return _blend(value) or _counted(value)
    if not isinstance(value, Mapping):
        return None
    for outer, read in _OUTER.items():
        if isinstance(value.get(outer), (str, list, Mapping)):
            return read(value[outer])
    return (
        _probabilities(value)
        or _epochs(value)
        or _sources(value)
        or _datasets(value.get("datasets"))
        or _information(value)
        or _named_only(value)
    )


def _oumi(data: Any) -> list[Part] | None:
    train = data.get("train") if isinstance(data, Mapping) else None
    return _datasets(train.get("datasets")) if isinstance(train, Mapping) else None


def _handbook(mixture: Any) -> list[Part] | None:
    entries = mixture.get("datasets") if isinstance(mixture, Mapping) else None
    if not isinstance(entries, list):
        return None
    return [Part(_names(e), _amount(e, "weight"), "epochs") for e in _objects(entries)]


def _mixer(mixer: Any) -> list[Part]:
    """open-instruct and old alignment-handbook: with a point a part of the set, without rows."""
    if isinstance(mixer, Mapping):
        words = [w for name, amount in mixer.items() for w in (str(name), str(amount))]
    else:
        words = [str(w) for w in (mixer.split() if isinstance(mixer, str) else mixer)]
    if len(words) % 2 or not words:
        raise UnclearError("its mixer must be names and numbers in turn")
    parts = []
    for name, text in zip(words[::2], words[1::2], strict=True):
        amount = _float(text, name)
        if text.strip() == "1":
            raise UnclearError(
                f"'1' of '{name}' may be one row or the whole set; write 1.0 for the whole set"
            )
        parts.append(Part((name,), amount, "epochs" if "." in text or "e" in text else "rows"))
    return parts


def _data_path(words: Any) -> list[Part]:
    blend = _blend(words if isinstance(words, list) else str(words).split())
    if blend is None:
        raise UnclearError("its data path must be weights and prefixes in turn")
    return blend


def _blend(words: Sequence[Any]) -> list[Part] | None:
    """Megatron-LM and NeMo: weights and prefixes in turn, shares of tokens."""
    if len(words) < 2 or len(words) % 2 or any(isinstance(w, (Mapping, list)) for w in words):
        return None
    try:
        weights = [float(w) for w in words[::2]]
    except (TypeError, ValueError, OverflowError):
        return None
    if any(not isinstance(w, str) for w in words[1::2]):
        return None
    return [
        Part((str(prefix),), weight, "token share")
        for weight, prefix in zip(weights, words[1::2], strict=True)
    ]


def _streams(streams: Any) -> list[Part]:
    """MosaicML streaming: proportion, choose or repeat, one of them for all."""
    if not isinstance(streams, Mapping) or not streams:
        raise UnclearError("its streams must be an object by name")
    keys = {k for s in streams.values() if isinstance(s, Mapping) for k in STREAM if k in s}
    if len(keys) != 1:
        raise UnclearError("its streams must all have the same one of proportion, choose or repeat")
    key = keys.pop()
    return [
        Part(_names(s, str(name)), _amount(s, key, str(name)), STREAM[key])
        for name, s in zip(streams, _objects(list(streams.values())), strict=True)
    ]


def _probabilities(value: Mapping[str, Any]) -> list[Part] | None:
    """datasets, LLaMA-Factory, OpenRLHF, ms-swift: names, and the chance of each at every draw."""
    key = next((k for k in PROBABILITIES if value.get(k)), None)
    places = ("sources", "dataset", "datasets", "prompt_data")
    names = next((value[k] for k in places if isinstance(value.get(k), (str, list))), None)
    if key is None or names is None or not isinstance(value[key], (str, list)):
        return None
    names, chances = _list(names), _list(value[key])
    if len(names) != len(chances):
        raise UnclearError(f"it names {len(names)} datasets, but has {len(chances)} probabilities")
    called = [_names(n) if isinstance(n, Mapping) else (_place(str(n)),) for n in names]
    return [
        Part(name, _float(chance, name[0]), "share")
        for name, chance in zip(called, chances, strict=True)
    ]


def _epochs(value: Mapping[str, Any]) -> list[Part] | None:
    """Megatron-Bridge: passes over each source."""
    inner = value.get("dataset")
    inner = inner if isinstance(inner, Mapping) else value
    sources, weights = inner.get("source"), inner.get("source_weights")
    if not isinstance(sources, list) or not isinstance(weights, list):
        return None
    if len(sources) != len(weights):
        raise UnclearError(f"it has {len(sources)} sources, but {len(weights)} weights")
    called = [_names(s) if isinstance(s, Mapping) else (str(s),) for s in sources]
    return [Part(n, _float(w, n[0]), "epochs") for n, w in zip(called, weights, strict=True)]


def _sources(value: Mapping[str, Any]) -> list[Part] | None:
    """OLMo-core: shares of tokens."""
    inner = value.get("source_list")
    sources = (inner if isinstance(inner, Mapping) else value).get("sources")
    if not isinstance(sources, list) or not sources or not isinstance(sources[0], Mapping):
        return None
    if "target_ratio" not in sources[0]:
        return None
    return [Part(_names(s), _amount(s, "target_ratio"), "token share") for s in _objects(sources)]


def _datasets(entries: Any) -> list[Part] | None:
    """A list of datasets: TRL's fractions, axolotl's slices, oumi's counts or proportions."""
    if not isinstance(entries, list) or not entries or not isinstance(entries[0], Mapping):
        return None
    entries = _objects(entries)
    if any("fraction" in e for e in entries):
        fractions = [Part(_names(e), _amount(e, "fraction"), "share") for e in entries]
        if abs(sum(part.amount for part in fractions) - 1) > 0.01:
            raise UnclearError(
                "its fractions sum to no 1, so they are no shares of a mixture as in TRL"
            )
        return fractions
    for key, unit in AMOUNTS.items():
        if any(e.get(key) is not None for e in entries):
            return [Part(_names(e), _amount(e, key), unit) for e in entries]
    sliced = [_SLICE.fullmatch(str(e.get("split", ""))) for e in entries]
    placed = any("path" in e for e in entries)
    if placed and any("weight" in e for e in entries):
        raise UnclearError(
            "'weight' beside 'path' is a share to some trainers and the part of a set to others; "
            "write {task: share}"
        )
    if not any(sliced):
        return None
    return [
        Part(_names(e), 1.0, "epochs")
        if cut is None
        else Part(_names(e), float(cut[1]) / 100, "epochs")
        if cut[2]
        else Part(_names(e), float(cut[1]), "rows")
        for e, cut in zip(entries, sliced, strict=True)
    ]


def _information(value: Mapping[str, Any]) -> list[Part] | None:
    """LLaMA-Factory's dataset_info.json: rows by name."""
    entries = list(value.values())
    if not entries or not all(isinstance(e, Mapping) and "num_samples" in e for e in entries):
        return None
    return [
        Part(_names(e, str(name)), _amount(e, "num_samples", str(name)), "rows")
        for name, e in value.items()
    ]


def _named_only(value: Mapping[str, Any]) -> list[Part] | None:
    """ms-swift: rows after ``#``; LLaMA-Factory: names alone, with counts in another file."""
    names = value.get("dataset")
    if isinstance(names, (str, list)) and ("mix_strategy" in value or "streaming" in value):
        counted = _counted(_list(names))
        if counted is None:
            raise UnclearError("it names datasets only; their counts are in dataset_info.json")
        return counted
    return _counted(_list(names)) if isinstance(names, (str, list)) else None


def _counted(names: Sequence[Any]) -> list[Part] | None:
    if not names or not all(isinstance(n, str) for n in names) or not any("#" in n for n in names):
        return None
    parts = []
    for name in names:
        place, mark, count = name.rpartition("#")
        if not mark:
            parts.append(Part((name,), 1.0, "epochs"))
        else:
            parts.append(
                Part((place, place.rpartition(":")[0] or place), _float(count, name), "rows")
            )
    return parts


def _list(value: Any) -> list[Any]:
    return value.split(",") if isinstance(value, str) else list(value)


def _objects(entries: Sequence[Any]) -> list[Mapping[str, Any]]:
    if not all(isinstance(entry, Mapping) for entry in entries):
        raise UnclearError("not all of its entries are objects")
    return list(entries)


def _place(name: str) -> str:
    return name.strip().partition("@")[0]


def _names(entry: Mapping[str, Any], *called: str) -> tuple[str, ...]:
    """What an entry may be called beside ``called``, the plainest first."""
    known = {k: entry[k] for k in PLACES if isinstance(entry.get(k), str)}
    inner = [entry.get(key) for key in ("load_dataset", "load_kwargs")]
    more = [name for one in inner if isinstance(one, Mapping) for name in _found(one)]
    names = [*called, *known.values(), *more]
    if "path" in known and "name" in known:
        names.insert(0, f"{known['path']}:{known['name']}")
    if not names:
        raise UnclearError("an entry of it has no name")
    return tuple(name for name in names if name not in ("json", "parquet")) or tuple(names)


def _found(entry: Mapping[str, Any]) -> Iterator[str]:
    yield from (entry[k] for k in PLACES if isinstance(entry.get(k), str))


def _amount(entry: Mapping[str, Any], key: str, *called: str) -> float:
    name = _names(entry, *called)[0]
    if entry.get(key) is None:
        raise UnclearError(f"'{name}' has no {key}, but others have")
    return _float(entry[key], name)


def _float(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise UnclearError(f"{str(value)[:40]!r} of '{name}' is no number") from None


_OUTER: Mapping[str, Callable[[Any], list[Part] | None]] = {
    "train": lambda words: _blend(words) if isinstance(words, list) else None,
    "dataset_mixture": _handbook,
    "dataset_mixer": _mixer,
    "dataset_mixer_list": _mixer,
    "data_path": _data_path,
    "train_data_path": _data_path,
    "streams": _streams,
    "data": _oumi,
}
