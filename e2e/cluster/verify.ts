import type { Progress } from "../progress.ts";
import type { Cluster } from "./cluster.ts";
export async function verify(_c: Cluster, _p: Progress): Promise<void> {}
