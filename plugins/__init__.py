"""The built-in platforms; they enter by entry point, like everybody else's."""
