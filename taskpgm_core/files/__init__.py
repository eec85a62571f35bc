"""Bytes on disk: atomic writes, encodings, digests and locks."""
