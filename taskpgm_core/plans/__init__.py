"""Plans: the schema of the YAML file that determines a study, and the committed ones."""
