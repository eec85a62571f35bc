"""A figure as a static picture: the same Plotly figure drawn as SVG, without a browser."""
