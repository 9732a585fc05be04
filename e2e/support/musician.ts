import { createHash } from "node:crypto";
import { eventually } from "./deadline.ts";
import type { GatewayClient } from "./gateway.ts";

/** A replica is behind by milliseconds; a busy machine makes seconds of them. */
const replicaDeadlineMs = 10_000;

/** Somebody with an account on the example app, at a browser in miniature: the session is the cookie that it keeps. */
export class Musician {
  readonly name: string;
  readonly #gateway: GatewayClient;

  constructor(gateway: GatewayClient, name: string) {
    this.#gateway = gateway;
    this.name = name;
  }

  /** Makes the account; afterwards `signIn` works. */
  async signUp(): Promise<void> {
    await this.#gateway.expect(201, "/api/signup", {
      method: "POST",
      body: { ...this.#credentials(), name: this.name },
    });
  }

  async signIn(): Promise<void> {
    await this.#gateway.expect(200, "/api/signin", { method: "POST", body: this.#credentials() });
  }

  /** @returns its id. */
  async createProject(name: string): Promise<string> {
    const answer = await this.#gateway.expect(201, "/api/projects", { method: "POST", body: { name } });
    return answer.json<{ id: string }>().id;
  }

  /** Reads a project from a replica, once that one has it. The app says who served it. */
  async readProject(id: string): Promise<{ readonly name: string; readonly servedBy: string }> {
    return eventually(`a replica has project ${id}`, replicaDeadlineMs, async () => {
      const answer = await this.#gateway.request(`/api/projects/${id}?read=replica`);
      if (answer.status !== 200) return undefined;
      return { name: answer.json<{ name: string }>().name, servedBy: String(answer.headers["x-stemhub-served-by"]) };
    });
  }

  /** Stores an artifact as a version of the project's main branch, and reads it back. @returns what came back. */
  async storeAndFetch(project: string, artifact: Buffer): Promise<Buffer> {
    const branches = (await this.#gateway.expect(200, `/api/projects/${project}/branches`)).json<{ id: string }[]>();
    const sha256 = createHash("sha256").update(artifact).digest("hex");
    const version = await this.#gateway.expect(201, `/api/projects/${project}/branches/${branches[0]?.id}/versions`, {
      method: "POST",
      body: { message: "first take", artifact_sha256: sha256, artifact_size: artifact.length, daw: "Ableton Live 12" },
    });
    const path = `/api/artifacts/${project}/${version.json<{ id: string }>().id}`;
    await this.#gateway.expect(204, path, { method: "PUT", body: artifact });
    return (await this.#gateway.expect(200, path)).bytes;
  }

  #credentials() {
    return { email: `${this.name}@example.com`, password: `${this.name}-password` };
  }
}
