import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Progress } from "../progress.ts";
import { run } from "../support/command.ts";
import { type Cluster, ClusterError, type Image, type S3Access } from "./cluster.ts";

const pushDeadlineMs = 15 * 60_000;

/**
 * A cluster that somebody else made: it is used, and neither made, changed nor ended. Its nodes pull images from
 * IMAGE_REGISTRY, which this machine's docker may push to. Faults of nodes, network and API
 * server, and an object store are not to be had.
 *
 * Not run where this was written: no such cluster there.
 */
export class ExistingCluster implements Cluster {
  readonly provider = "existing";
  readonly name = "existing";
  readonly auditLog = undefined;
  readonly kubeconfig: string;
  readonly #registry: string | undefined;

  /** @param env KUBECONFIG (one file; default ~/.kube/config), IMAGE_REGISTRY */
  constructor(env: NodeJS.ProcessEnv) {
    this.kubeconfig = env.KUBECONFIG || join(env.HOME ?? "", ".kube", "config");
    this.#registry = env.IMAGE_REGISTRY || undefined;
  }

  get s3(): S3Access {
    throw new ClusterError("CLUSTER=existing has no object store of ours: use local or kind");
  }

  get diskClass(): string {
    throw new ClusterError("CLUSTER=existing: nothing is known of its StorageClasses: use local");
  }

  async up(_progress: Progress): Promise<void> {
    if (!existsSync(this.kubeconfig)) {
      throw new ClusterError(`CLUSTER=existing needs a kubeconfig: ${this.kubeconfig} is not there; set KUBECONFIG`);
    }
    await run("kubectl", ["--kubeconfig", this.kubeconfig, "get", "--raw", "/readyz"]);
  }

  down(_progress: Progress): Promise<void> {
    return Promise.resolve(); // It is not ours to end.
  }

  async status(): Promise<string[]> {
    return [`existing: kubeconfig ${this.kubeconfig}, images to ${this.#registry ?? "no registry (IMAGE_REGISTRY)"}`];
  }

  async loadImages(images: readonly Image[], progress: Progress): Promise<void> {
    const registry = this.#registry;
    if (!registry) throw new ClusterError("CLUSTER=existing: set IMAGE_REGISTRY to where its nodes pull images from");
    for (const { ref, archive } of images) {
      await progress.step(`Push ${ref}`, async () => {
        await run("docker", ["load", "--input", archive], { deadlineMs: pushDeadlineMs });
        await run("docker", ["push", ref], { deadlineMs: pushDeadlineMs });
      });
    }
  }

  loseNode(): Promise<void> {
    return Promise.reject(new ClusterError("CLUSTER=existing: nodes are not ours to lose"));
  }

  healNode(): Promise<void> {
    return Promise.reject(new ClusterError("CLUSTER=existing: nodes are not ours to heal"));
  }

  cut(): Promise<void> {
    return Promise.reject(new ClusterError("CLUSTER=existing: its network is not ours to cut"));
  }

  mend(): Promise<void> {
    return Promise.reject(new ClusterError("CLUSTER=existing: its network is not ours to mend"));
  }

  loseApiServer(): Promise<void> {
    return Promise.reject(new ClusterError("CLUSTER=existing: its API server is not ours to lose"));
  }

  healApiServer(): Promise<void> {
    return Promise.reject(new ClusterError("CLUSTER=existing: its API server is not ours to heal"));
  }
}
