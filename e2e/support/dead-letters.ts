import type { Kubectl } from "./kubectl.ts";

/** How many dead letters a StemHub's queue lists. Errors: CommandError while none of its pods answers. */
export async function deadLetters(kubectl: Kubectl, stemhub: string): Promise<number> {
  const listed = await kubectl.exec(`deploy/${stemhub}-queue`, ["node", "main.ts", "dead-letters", "list"]);
  return listed.split("\n").filter((line) => line.startsWith("{")).length;
}
