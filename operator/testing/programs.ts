/** interim */
export function programDirectory(_names: readonly string[]): Promise<string> {
  return Promise.resolve(process.env.PROGRAMS ?? "/tmp/prebuilt");
}
