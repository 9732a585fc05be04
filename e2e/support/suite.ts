import { afterAll, afterEach, beforeAll, inject } from "vitest";
import { diagnosis } from "./diagnosis.ts";
import { Kubectl } from "./kubectl.ts";
import { namespaceFor } from "./namespace.ts";
import { type EchoOptions, echoStemHubOf, type WrittenStemHub } from "./studio.ts";

/** What the suite's set-up hands to each file: plain values, since they cross a process boundary. */
export interface SuiteEnvironment {
  readonly provider: "local" | "kind" | "existing";
  readonly kubectl: { readonly program: string; readonly kubeconfig: string };
  /** Image references as the cluster's nodes know them. */
  readonly images: { readonly postgres: string; readonly exampleApi: string };
  /** Where the API server writes its audit log; only with provider local. */
  readonly auditLog: string | undefined;
  readonly storage: {
    readonly endpoint: string;
    readonly bucket: string;
    /** The one for backups. */
    readonly backupBucket: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    /** PEM. */
    readonly ca: string;
  };
}

declare module "vitest" {
  interface ProvidedContext {
    environment: SuiteEnvironment;
  }
}

/** The environment that the suite's set-up has prepared. */
export function environment(): SuiteEnvironment {
  return inject("environment");
}

/** kubectl as an admin of the cluster, in no particular namespace. */
export function adminKubectl(): Kubectl {
  return new Kubectl(environment().kubectl);
}

/** A small StemHub that echoes, on an image that every cluster of the suite has. */
export function echoStemHub(name: string, options: EchoOptions = {}): WrittenStemHub {
  return echoStemHubOf(environment().images.postgres, name, options);
}

/**
 * Gives a spec file its namespace, bound to the operator, before its first test, and removes it after the last. When a
 * test fails, what kubectl says about the namespace is printed.
 *
 * @param options.keep for what several files share: it is found again by the next, and removed by nobody.
 */
export function inNamespace(
  name: string,
  options: { readonly bound?: boolean; readonly keep?: boolean } = {},
): Kubectl {
  const kubectl = adminKubectl().in(name);
  beforeAll(async () => {
    await namespaceFor(adminKubectl(), name, { bound: options.bound ?? true, fresh: options.keep !== true });
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") console.error(`\n${task.name}\n${await diagnosis(kubectl)}`);
  });
  afterAll(async () => {
    // Not waited for: the next file has a namespace of its own.
    if (!options.keep) await adminKubectl().delete(`namespace/${name}`);
  });
  return kubectl;
}
