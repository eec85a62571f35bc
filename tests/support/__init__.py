"""What tests and benchmarks share: a real browser, a synthetic study, a tiny model."""
