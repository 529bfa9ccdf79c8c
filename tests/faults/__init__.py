"""Bad days: runs and writers that are stopped at any instant."""
