import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { ensurePrograms } from "../../../e2e/cluster/local/programs.ts";
import { silentProgress } from "../../../e2e/progress.ts";

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (!address || typeof address === "string") throw new Error("no port");
  return address.port;
}

interface Member {
  readonly name: string;
  readonly file: string;
  readonly port: number;
  process: ChildProcess | undefined;
}

/**
 * One nats-server or three, with JetStream as the operator configures it: in files, and every write synced. They can be
 * killed and begun again; what they have acknowledged must then still be there.
 */
export class NatsServers {
  readonly #members: readonly Member[];
  readonly #directory: string;
  readonly #program: string;

  private constructor(program: string, directory: string, members: readonly Member[]) {
    this.#program = program;
    this.#directory = directory;
    this.#members = members;
  }

  static async start(count: 1 | 3 = 1): Promise<NatsServers> {
    const bin = await ensurePrograms(["nats-server"], silentProgress);
    const directory = await mkdtemp(join(tmpdir(), "stemhub-nats-"));
    const names = Array.from({ length: count }, (_, ordinal) => `nats-${ordinal}`);
    const routes = await Promise.all(names.map(freePort));
    const members = await Promise.all(
      names.map(async (name, ordinal) => {
        const port = await freePort();
        const cluster = `cluster { name: test, listen: "127.0.0.1:${routes[ordinal]}", routes: [${routes.map((each) => `"nats://127.0.0.1:${each}"`).join(", ")}] }`;
        const lines = [
          `server_name: ${name}`,
          `listen: "127.0.0.1:${port}"`,
          "max_payload: 8MB",
          `jetstream { store_dir: "${join(directory, name)}", sync_interval: always, max_file_store: 4GB }`,
          ...(count === 1 ? [] : [cluster]),
        ];
        const file = join(directory, `${name}.conf`);
        await writeFile(file, lines.join("\n"));
        return { name, file, port, process: undefined };
      }),
    );
    const servers = new NatsServers(join(bin, "nats-server"), directory, members);
    for (const { name } of members) servers.begin(name);
    return servers;
  }

  get names(): readonly string[] {
    return this.#members.map(({ name }) => name);
  }

  get urls(): string[] {
    return this.#members.map(({ port }) => `nats://127.0.0.1:${port}`);
  }

  /** A connection that outlives their absence. */
  async connect(): Promise<NatsConnection> {
    return await connect({
      servers: this.urls,
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      ignoreAuthErrorAbort: true,
    });
  }

  begin(name: string): void {
    const member = this.#member(name);
    member.process ??= spawn(this.#program, ["--config", member.file], { stdio: "ignore" });
  }

  /** As a node's loss is to it: no word, no flush. */
  async kill(name: string): Promise<void> {
    const member = this.#member(name);
    const { process } = member;
    if (!process) return;
    member.process = undefined;
    process.kill("SIGKILL");
    await once(process, "exit");
  }

  async stop(): Promise<void> {
    for (const { name } of this.#members) await this.kill(name);
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  #member(name: string): Member {
    const found = this.#members.find((member) => member.name === name);
    if (!found) throw new Error(`no such server: ${name}`);
    return found;
  }
}
