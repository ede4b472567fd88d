"""The dialects on the wire: requests parsed, answers rendered."""
