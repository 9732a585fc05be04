import { type Browser, chromium } from "playwright-core";
import { ensurePackages } from "../cluster/local/packages.ts";
import { consoleProgress } from "../progress.ts";

/** Debian's, and a font that it can write with. */
const packages = [
  ["chromium", "chromium"],
  ["/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "fonts-dejavu-core"],
] as const;

/**
 * A real browser without a window: Debian's Chromium, installed where it is missing, or the program that CHROMIUM names.
 *
 * Errors: ClusterError where it is not there and this is no Debian, or not root.
 */
export async function launchBrowser(env: NodeJS.ProcessEnv = process.env): Promise<Browser> {
  if (env.CHROMIUM === undefined) await ensurePackages(consoleProgress(), packages);
  // Its own sandbox needs a user that is not root; it sees nothing but our own pages.
  return await chromium.launch({ executablePath: env.CHROMIUM ?? "/usr/bin/chromium", chromiumSandbox: false });
}
