import { echoComponent } from "./echo.ts";

/** A StemHub as it is written for kubectl. */
export interface WrittenStemHub {
  readonly apiVersion: "stemhub.dev/v1alpha1";
  readonly kind: "StemHub";
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A StemHub with a spec and nothing else. */
export function stemHub(name: string, spec: Readonly<Record<string, unknown>>): WrittenStemHub {
  return { apiVersion: "stemhub.dev/v1alpha1", kind: "StemHub", metadata: { name }, spec };
}

/** What differs between StemHubs that echo: what the api answers, and parts of the spec laid over the rest. */
export interface EchoOptions {
  readonly greeting?: string;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/**
 * The smallest StemHub that becomes Ready within seconds: one instance, one gateway pod, and an api that echoes. For what
 * is proved about the operator and not about the app.
 *
 * @param image any with Python 3.
 */
export function echoStemHubOf(image: string, name: string, options: EchoOptions = {}): WrittenStemHub {
  return stemHub(name, {
    release: { version: "1.0.0", images: { api: image } },
    database: { instances: 1, storage: { size: "1Gi" } },
    components: { api: echoComponent(options.greeting ?? "hello") },
    gateway: { replicas: 1 },
    ...options.spec,
  });
}
