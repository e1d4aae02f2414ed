"""Measurements of the whole program: run by hand, never by the tests, and told as ratios."""
