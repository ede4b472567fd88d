"""The model store: a table of models, and their files found, fetched and verified."""
