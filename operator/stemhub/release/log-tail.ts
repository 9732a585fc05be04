/** Bounds of what a status holds of a log. */
export const logTailLines = 20;
const logTailBytes = 2048;

/**
 * The last lines of a log, fit for a status: at most 20 lines and 2 KiB, without control characters, and without the
 * passwords of connection URLs, which tools like to repeat when they cannot connect.
 */
export function logTail(log: string): string {
  const escapeCharacter = String.fromCharCode(27);
  const plain = log.replaceAll(new RegExp(`${escapeCharacter}\\[[0-9;]*[A-Za-z]`, "g"), "").replaceAll("\r", "");
  const lines = redact(plain).trimEnd().split("\n").slice(-logTailLines);
  while (lines.length > 1 && Buffer.byteLength(lines.join("\n")) > logTailBytes) lines.shift();
  return Buffer.from(lines.join("\n")).subarray(-logTailBytes).toString("utf8");
}

/** The last line that says something. */
export function lastLine(tail: string | undefined): string | undefined {
  return tail
    ?.split("\n")
    .findLast((line) => line.trim() !== "")
    ?.trim();
}

function redact(text: string): string {
  return text
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@]+@/gi, "$1:***@")
    .replaceAll(/(\bpassword\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;]+)/gi, "$1***");
}
