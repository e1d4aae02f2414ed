"""Orders from files: what is in a CSV, JSON or XML file, and what the seller's mapping makes of it."""
