/** A line of JSON on standard output. Whatever is logged must hold no secret. */
export function log(message: string, also: Record<string, string | number> = {}): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), message, ...also })}\n`);
}
