"""Slugs: names of studies and of arms that a folder, a file and an address can hold."""

import re

from taskpgm_core.errors import PlanError

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
ARM = re.compile(r"[a-z0-9][a-z0-9.-]{0,47}")


def slug_of(text: str, longest: int = 48) -> str:
    """The slug that reads most like ``text``; empty where it has no letter or digit a slug has."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:longest].strip("-")


def checked_slug(slug: str) -> str:
    """``slug``, if it is one; PlanError else."""
    if not SLUG.fullmatch(slug):
        raise PlanError(f"'{slug}' is no slug: use 1 to 48 lower-case letters, digits, hyphens.")
    return slug


def arm_of(text: str) -> str:
    """The arm's name that reads most like ``text``; it may hold dots, and is ``arm`` for none."""
    return re.sub("[^a-z0-9.-]", "-", text.lower()).strip("-.")[:48] or "arm"
