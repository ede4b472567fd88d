"""Recognition engines: utterances in, hypotheses out. They know no HTTP, asyncio or files."""
