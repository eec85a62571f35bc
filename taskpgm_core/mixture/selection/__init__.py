"""The best few tasks of many: greedily for every number, and exactly."""
