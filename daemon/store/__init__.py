"""The store: SQL in named queries, numbered migrations, one writing connection."""
