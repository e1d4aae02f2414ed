"""The beginning of a plugin of one's own: a whole distribution, written by `orderferry plugins new`."""
