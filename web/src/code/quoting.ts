/** Texts as literals of other languages: whatever they hold, they stay texts. */

/** A word of a POSIX shell. */
export function shell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A string of JavaScript and TypeScript. */
export function script(text: string): string {
  return JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

/** A string of Python: JSON's escapes are Python's, but for surrogates, which JSON may split. */
export function python(text: string): string {
  return JSON.stringify(text);
}

/** A file name inside curl's `-F name=@"…"`, where quotes and backslashes are escaped. */
export function curlFile(name: string): string {
  return `"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
