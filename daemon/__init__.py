"""The program: private; nobody imports it."""
