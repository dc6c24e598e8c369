"""Learning without labels: what the tasks share, and a folder for each."""
