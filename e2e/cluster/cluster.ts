import type { Progress } from "../progress.ts";

/** A container image that nodes can be given: how pods name it, and its docker-archive. */
export interface Image {
  /** `localhost/stemhub-operator:3f2a9c01d4e5`: the tag is the hash of what the image is made of. */
  readonly ref: string;
  /** Path of the docker-archive. */
  readonly archive: string;
}

/** An S3 server that pods and this machine reach under the same addresses; it has the buckets of `buckets`. */
export interface S3Access {
  /** `https://…`, as pods reach it. */
  readonly endpoint: string;
  /** `https://…`, as this machine reaches it. */
  readonly hostEndpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Path of the PEM file that the server's certificate is checked with. */
  readonly caFile: string;
  readonly buckets: readonly string[];
}

/** One way that is cut in one direction: whoever waits for an answer over it waits in vain, with TCP in either direction. */
export interface Cut {
  /** Whose way out it is: packets are dropped where they leave it, for another node or for what is outside. */
  readonly node: string;
  /** IPv4 addresses: of a pod of that node, and of whom it is kept from. */
  readonly from: string;
  readonly to: string;
  /** Only TCP to this port of `to`; without it everything. Of a Service, where it leads to: not its own address and port. */
  readonly port?: number;
}

/** A Kubernetes cluster for development and tests. */
export interface Cluster {
  readonly name: string;
  readonly provider: "local" | "kind" | "existing";
  /** Path of the kubeconfig. The file is there from `up` on. */
  readonly kubeconfig: string;
  /** Path of the API server's audit log (JSON lines, level Metadata, writes only), where this machine can read it. */
  readonly auditLog: string | undefined;
  /** The object store. Errors: throws where the cluster has none, or is not up. */
  readonly s3: S3Access;
  /**
   * A StorageClass whose volumes are as large as their claims and no larger, and can grow.
   * Errors: ClusterError where the cluster has none: a test that needs one cannot run there.
   */
  readonly diskClass: string;

  /** Brings it up, mends what has died of it or was cut, and returns once pods, names, volumes and metrics work. Idempotent. */
  up(progress: Progress): Promise<void>;
  /** Ends it and removes its state; programs and images stay in the cache. Idempotent. */
  down(progress: Progress): Promise<void>;
  /** How it does, in lines for people. */
  status(): Promise<string[]>;
  /** Gives every node the images that it lacks. */
  loadImages(images: readonly Image[], progress: Progress): Promise<void>;
  /** Pulls a node's cable: its pods run on, and nothing reaches them. Idempotent. */
  loseNode(node: string): Promise<void>;
  /** Plugs it in again. Idempotent. */
  healNode(node: string): Promise<void>;
  /** Drops packets from now on, of open connections as well. Pods of one node cannot be kept apart. Idempotent. */
  cut(cut: Cut): Promise<void>;
  /** Ends every cut of a node. Idempotent. */
  mend(node: string): Promise<void>;
  /** Ends the API server as a crash would; what it has stored stays. Idempotent. */
  loseApiServer(): Promise<void>;
  /** Starts it again, and returns when it answers. Idempotent. */
  healApiServer(): Promise<void>;
}

/** The buckets of every cluster's object store. */
export const s3Buckets = ["stemhub", "backup"] as const;

/** The object store's name inside the cluster. */
export const s3Host = "s3.stemhub-dev.svc.cluster.local";

/** Its port, the Service's too. Its region is `auto`, as R2 calls its own. */
export const s3Port = 7443;

/** What a person can mend: shown as it is, without a stack. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
}
