"""What helps a seller to write config.toml: the first settings by question and answer, and the maps by likeness."""
