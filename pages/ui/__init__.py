"""What pages share, and what belongs to one page: ``ui/X.py`` for ``X.py``."""
