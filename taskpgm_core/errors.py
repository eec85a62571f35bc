"""The one family of errors a person may meet: a sentence that says what, where, what to do."""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

EXTRAS = {
    "dashboard": ("streamlit",),
    "text": ("sklearn",),
    "measure": (
        "torch",
        "transformers",
        "tokenizers",
        "peft",
        "accelerate",
        "datasets",
        "huggingface_hub",
        "gguf",
    ),
    "ray": ("ray",),
    "suites": ("lm_eval",),
}
"""What each extra of this package lets one import."""
CHECKOUT = (Path(__file__).parents[1] / "pyproject.toml").is_file()
_UNSEEN = re.compile("[\u034f\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Joiners, fillers and variation selectors: letters and marks to Unicode, but nothing to see."""


class TaskPGMError(Exception):
    """Anything a person can mend. ``str(error)`` is one sentence; the command line exits with 2."""


class PlanError(TaskPGMError):
    """A plan that cannot be built as written."""


class SourceError(TaskPGMError):
    """A task source that is missing, unreadable or holds bad examples."""


class ModelError(TaskPGMError):
    """A base model, adapter or checkpoint that cannot be used."""


class MeasurementError(TaskPGMError):
    """A measurement that failed a sanity check; nothing wrong is ever stored."""


class StoreError(TaskPGMError):
    """A study that is missing, ambiguous, incomplete or damaged."""


class NotKeptError(StoreError):
    """Something that this kind of study was made without."""


class MixtureError(TaskPGMError):
    """Controls of a mixture that make no sense (an infeasible set is a status, not an error)."""


class ScenarioError(TaskPGMError):
    """A saved mixture that is missing, damaged, or too large to keep."""


class JobError(TaskPGMError):
    """A build that cannot be started, watched or stopped from here."""


class ExportError(TaskPGMError):
    """A recipe that the named trainer cannot carry out, under ``--strict``."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the known word most like ``word``, or an empty string."""
    words = sorted(known)
    twin = next((one for one in words if one != word and as_seen(one) == as_seen(word)), None)
    if twin is not None:
        return f" (it looks like '{as_seen(twin)}', but {word!a} is not {twin!a})"
    close = [one for one in words if one.lower() == word.strip().lower()][:1]
    close = close or difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f" (did you mean '{close[0]}'?)" if close else ""


def as_seen(name: str) -> str:
    """A name as a reader sees it: without characters that show nothing, accents put together."""
    shown = "".join(c for c in name if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFC", re.sub(r"\s", " ", _UNSEEN.sub("", shown))).strip()


def look_alikes(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two different names that a reader cannot tell apart, None where there are none."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(as_seen(name), name)
        if other != name:
            return other, name
    return None


def install_command(package: str) -> str:
    """The command that installs the Python package of this import name and what goes with it."""
    extra = next((name for name, packages in EXTRAS.items() if package in packages), None)
    if extra is None:
        return f"pip install {package}"
    if not CHECKOUT:
        return f"pip install 'taskpgm[{extra}]'"
    if extra in ("measure", "text"):
        return "make install"
    return f"pip install -r requirements-{extra}.txt"
