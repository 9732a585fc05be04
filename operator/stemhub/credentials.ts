import type { KubeObject } from "../runtime/objects.ts";
import { contentHash } from "./content-hash.ts";

/** On pods that have the app's login: a hash of it, so that another login is another template, and other pods. */
export const credentialsAnnotation = "stemhub.dev/credentials";

/** The hash of the login that a Secret holds. Of 192 random bits, so it tells nothing of them. */
export function loginHash({ data }: KubeObject): string {
  const { username = "", password = "" } = (data ?? {}) as Record<string, string>;
  return contentHash(`${username}:${password}`);
}
