"""One file a trainer: the mixture in that trainer's own configuration."""
