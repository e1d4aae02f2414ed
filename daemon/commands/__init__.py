"""The verbs of the command line, and how their answers look to people."""
