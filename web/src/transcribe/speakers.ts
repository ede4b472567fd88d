/** Speakers' colours: by the order of their first words, again from the start after the last. */

const N_COLOURS = 8;

export function speakerColour(speaker: string | null): string {
  if (speaker === null) return "var(--accent)";
  const number = Number(/(\d+)$/.exec(speaker)?.[1] ?? hash(speaker));
  return `var(--speaker-${((number + N_COLOURS - 1) % N_COLOURS) + 1})`;
}

function hash(text: string): number {
  let value = 0;
  for (const character of text) value = (value * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return value;
}
