/** `decode;dur=12.3, inference;dur=456.7` (Server-Timing, W3C) as seconds by step. */
export function parseServerTiming(text: string): Record<string, number> {
  const seconds: Record<string, number> = {};
  for (const metric of text.split(",")) {
    const [name = "", ...parameters] = metric.split(";").map((part) => part.trim());
    const duration = parameters.find((parameter) => parameter.toLowerCase().startsWith("dur="));
    const milliseconds = Number(duration?.slice(4));
    if (name !== "" && duration !== undefined && Number.isFinite(milliseconds)) {
      seconds[name] = milliseconds / 1000;
    }
  }
  return seconds;
}
