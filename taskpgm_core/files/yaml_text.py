"""YAML that people bring: no name stands twice in an object, numbers are as they are written."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from taskpgm_core.files.json_text import TwiceError, once

MERGE = "tag:yaml.org,2002:merge"


def loaded(text: str) -> Any:
    """The value of a YAML text; YAMLError, which ``fault`` puts in words."""
    try:
        return yaml.load(text, Loader=_Once)
    except RecursionError:
        raise ConstructorError(problem="it is nested too deeply") from None
    except ValueError:
        raise ConstructorError(problem="it holds a number or a date that is none") from None


def fault(error: yaml.YAMLError) -> str:
    """Why ``loaded`` failed: what the text is, without a full stop."""
    mark = getattr(error, "problem_mark", None)
    line = f" on line {mark.line + 1}" if mark else ""
    return f"not valid YAML{line}: {getattr(error, 'problem', None) or 'it cannot be read'}"


class _Once(yaml.SafeLoader):  # type: ignore[misc]
    """Numbers stay text where YAML 1.1 reads another one than is written: 1:30, which is 90 to it,
    1_0, which is 10, and 010, which is 8."""


def _number(
    loader: _Once, node: yaml.ScalarNode, read: Callable[[_Once, yaml.ScalarNode], float]
) -> Any:
    text = str(node.value)
    strange = ":" in text or "_" in text or re.fullmatch(r"[+-]?0[0-7xb]\w+|0[0-7]", text)
    return text if strange else read(loader, node)


def _whole(loader: _Once, node: yaml.ScalarNode) -> str:
    """JSON escapes a character beyond the first 65,536 as two halves; YAML leaves them apart."""
    try:
        halves = str(loader.construct_yaml_str(node)).encode("utf-16", "surrogatepass")
        return halves.decode("utf-16")
    except UnicodeDecodeError:
        problem = "it holds half a character"
        raise ConstructorError(problem=problem, problem_mark=node.start_mark) from None


def _mapping(loader: _Once, node: yaml.MappingNode) -> dict[Any, Any]:
    own = [key for key, _ in node.value if key.tag != MERGE]  # which go before merged ones
    value: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    try:
        once([(loader.construct_object(key), None) for key in own])
    except TwiceError as error:
        raise ConstructorError(problem=str(error), problem_mark=node.start_mark) from None
    return value


for _kind, _read in (
    ("int", yaml.SafeLoader.construct_yaml_int),
    ("float", yaml.SafeLoader.construct_yaml_float),
):
    _Once.add_constructor(f"tag:yaml.org,2002:{_kind}", partial(_number, read=_read))
_Once.add_constructor("tag:yaml.org,2002:str", _whole)
_Once.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
