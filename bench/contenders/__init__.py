"""What is measured: scripts, each run in an environment of its own with this folder on its path."""
