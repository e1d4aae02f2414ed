"""An account's platform in a process of its own: the daemon's side, the child's side, and what goes between them."""
