/** A description: plain text in which backticks mark code. */
export function Prose({ text }: { text: string }) {
  return (
    <p>{text.split("`").map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</p>
  );
}
