import { createServer, type Server } from "node:net";
import type { Progress } from "../../progress.ts";

/** How often a taken lock is asked for again. */
const retryMs = 250;

/**
 * Runs `work` while no other process of this machine does so under the same name.
 *
 * The lock is a socket in Linux' abstract namespace: the kernel gives it to one process at a time and takes it back when
 * that process ends in whatever way, so there is no stale lock. Assumes: Linux.
 */
export async function withLock<T>(name: string, progress: Progress, work: () => Promise<T>): Promise<T> {
  const server = await acquire(`\0stemhub-lock:${name}`, () => progress.note(`waiting for another process (${name})`));
  try {
    return await work();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

async function acquire(address: string, onWait: () => void): Promise<Server> {
  for (;;) {
    const server = await listen(address);
    if (server) return server;
    onWait();
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

/** Undefined when somebody else listens. */
function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => resolve(server));
  });
}
