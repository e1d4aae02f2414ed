"""Every decision as a function of values: no await, no clock, no I/O, no logging."""
