"""Where recordings come from: upload, URL, data URI; each a bounded file."""
