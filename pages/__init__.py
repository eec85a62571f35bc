"""The dashboard: one file a page, and what pages share in ``ui``."""
