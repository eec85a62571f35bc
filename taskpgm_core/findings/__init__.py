"""Sentences made from the numbers that pages and reports show; one file a page."""
