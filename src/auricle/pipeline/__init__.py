"""From a recording to a stream of transcript events."""
