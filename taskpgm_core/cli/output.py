"""How verbs answer: one JSON object with ``--json``, otherwise text for a person."""

import json
import math
from typing import Any

import click
import numpy as np

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object only.")
study_argument = click.argument("study")


def plain(value: Any) -> Any:
    """JSON-able: arrays as lists, numpy scalars as Python's, NaN and infinity as null."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_json(value: Any) -> None:
    click.echo(json.dumps(plain(value), ensure_ascii=False, allow_nan=False))


def warn(sentence: str) -> None:
    click.echo(f"Warning: {sentence}", err=True)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Columns padded to their widest cell; the first to the left, the others to the right."""
    widths = [max(len(r[k]) for r in [header, *rows]) for k in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    ]
    return "\n".join(lines)
