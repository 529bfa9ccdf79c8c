"""What a step costs: counted without a clock, timed by operation, and written down with the machine it was timed on."""
