"""The built-in shops."""
