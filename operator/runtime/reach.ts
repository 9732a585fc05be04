import { connect } from "node:net";

/**
 * Does anything take a connection at an address? A refusal is an answer too: somebody is there. Ends within the deadline,
 * false when nobody answered by then.
 */
export function reaches(host: string, port: number, deadlineMs: number, signal?: AbortSignal): Promise<boolean> {
  const deadline = AbortSignal.timeout(deadlineMs);
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}
