"""The control API over the unix socket: one table of routes, the server, the client."""
