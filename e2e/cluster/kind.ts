import type { Progress } from "../progress.ts";
import { type Cluster, ClusterError, type Image, type S3Access } from "./cluster.ts";
export class KindCluster implements Cluster {
  readonly provider = "kind";
  readonly name: string;
  readonly auditLog = undefined;
  readonly kubeconfig = "";
  constructor(name: string) {
    this.name = name;
  }
  get s3(): S3Access {
    throw new ClusterError("");
  }
  async up(_p: Progress): Promise<void> {}
  async down(_p: Progress): Promise<void> {}
  async status(): Promise<string[]> {
    return [];
  }
  async loadImages(_i: readonly Image[], _p: Progress): Promise<void> {}
  async loseNode(_n: string): Promise<void> {}
  async healNode(_n: string): Promise<void> {}
}
