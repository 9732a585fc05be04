import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { NextConfig } from "next";

const here = dirname(fileURLToPath(import.meta.url));

const config: NextConfig = {
  output: "standalone",
  // Else Next looks for the nearest lock file further up, and copies this path into the output.
  outputFileTracingRoot: here,
  turbopack: { root: here },
  poweredByHeader: false,
  images: { unoptimized: true },
  // ./test checks types. Next.js wants TypeScript to be there all the same, or tries to install it.
  typescript: { ignoreBuildErrors: true },
};

export default config;
