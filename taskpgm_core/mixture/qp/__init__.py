"""The quadratic programme inside the solver: forms, active sets, parametric steps."""
