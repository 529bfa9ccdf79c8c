"""What a step costs: counted without a clock, timed by operation, written down with the machine."""
