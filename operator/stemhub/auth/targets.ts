import type { AuthSource } from "../../api/auth.ts";
import type { StemHub } from "../../api/stemhub.ts";
import { childNames, serviceHost } from "../names.ts";

/** Where one document is fetched from. */
export interface Source {
  readonly url: string;
  /** Name of the ConfigMap with the authority (key ca.crt) that signs its certificate; public ones where absent. */
  readonly caConfigMap?: string;
  /** How a person sees what the component says; absent where it is none. */
  readonly logsCommand?: string;
}

/** What is fetched for a StemHub. */
export interface AuthTarget {
  readonly namespace: string;
  readonly keys?: Source;
  readonly revocations?: Source;
}

/** What is fetched for a StemHub; undefined where its spec asks for nothing. */
export function authTarget(stemhub: StemHub, clusterDomain: string): AuthTarget | undefined {
  const { auth } = stemhub.spec;
  if (!auth?.jwks && !auth?.revocations) return undefined;
  return {
    namespace: stemhub.metadata.namespace ?? "",
    ...(auth.jwks ? { keys: sourceOf(auth.jwks, stemhub, clusterDomain) } : {}),
    ...(auth.revocations ? { revocations: sourceOf(auth.revocations, stemhub, clusterDomain) } : {}),
  };
}

function sourceOf(source: AuthSource, stemhub: StemHub, clusterDomain: string): Source {
  const { component, path = "/", url, caConfigMap } = source;
  if (component === undefined) return { url: url ?? "", ...(caConfigMap ? { caConfigMap: caConfigMap.name } : {}) };
  const { name, namespace = "" } = stemhub.metadata;
  const deployment = childNames(name).component(component);
  const host = serviceHost(deployment, namespace, clusterDomain);
  return {
    url: `http://${host}:${stemhub.spec.components[component]?.port ?? 8080}${path}`,
    logsCommand: `kubectl -n ${namespace} logs deploy/${deployment}`,
  };
}
