"""Records in, Plotly figures out: pure functions that draw numbers and compute none."""
