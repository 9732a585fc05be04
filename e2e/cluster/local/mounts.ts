import { readFile } from "node:fs/promises";
import { run, runToEnd } from "../../support/command.ts";

/** Unmounts what containerd, kubelet and the containers had mounted below a directory, deepest first. */
export async function unmountBelow(directory: string): Promise<void> {
  for (const mount of (await mountsBelow(directory)).reverse()) await runToEnd("umount", ["--lazy", mount]);
  const left = await mountsBelow(directory);
  if (left.length > 0) await run("umount", ["--lazy", ...left]);
}

/** What is mounted below a directory, parents first. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  return table
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .map((path) => path.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((path) => path.startsWith(`${directory}/`))
    .sort();
}
