/** Server-sent events, read as they arrive. */

export interface Frame {
  /** Name of the event; empty for a comment. */
  event: string;
  data: string;
  /** Comment lines without their colon, joined by newlines. */
  comment: string;
  /** The frame as it went over the wire, without its final empty line. */
  raw: string;
}

/** Splits a growing text into frames. What has no final empty line yet is kept. */
export class FrameReader {
  private rest = "";

  feed(text: string): Frame[] {
    const blocks = (this.rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.filter((block) => block !== "").map(frameOf);
  }
}

function frameOf(raw: string): Frame {
  const frame: Frame = { event: "", data: "", comment: "", raw };
  const data: string[] = [];
  const comments: string[] = [];
  for (const line of raw.split("\n")) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (colon === 0) comments.push(value);
    else if (name === "event") frame.event = value;
    else if (name === "data") data.push(value);
  }
  frame.data = data.join("\n");
  frame.comment = comments.join("\n");
  if (data.length > 0 && frame.event === "") frame.event = "message";
  return frame;
}
