"""Words, segments and transcripts, the events they arrive as, and how they are rendered."""
