import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where programs, images and clusters are kept: outside every checkout, so that checkouts share what is costly to make.
 * STEMHUB_CACHE, or else `stemhub` below XDG_CACHE_HOME or ~/.cache.
 */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env.STEMHUB_CACHE) return env.STEMHUB_CACHE;
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "stemhub");
}
