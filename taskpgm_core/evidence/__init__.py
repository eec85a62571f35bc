"""Evidence: competing mixtures trained under one budget, compared, and forecast."""
