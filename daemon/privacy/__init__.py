"""How long buyers' data is kept, how it goes, and what may be asked about it."""
