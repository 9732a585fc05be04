import type { StemHub } from "../../api/stemhub.ts";

/** Where the secret of HS256 is mounted, under the name `secret`: in nginx's container alone. */
export const tokenSecretPath = "/etc/stemhub/token-secret";

/** What is told while nobody can say whose a request is, and the mode says nothing of it. */
const notice = "Signing in is not possible right now - if you are signed in, you can keep working";

/**
 * What njs needs to know of spec.auth, as the file auth.json; undefined without spec.auth. The sources are not read there:
 * with them the file changes, and with the file the pods, so that no pod goes on with the keys of a source that was left.
 */
export function authFile({ spec }: StemHub): string | undefined {
  const { auth } = spec;
  if (!auth) return undefined;
  const { jwks, revocations, hs256, ...policy } = auth;
  return JSON.stringify({ ...policy, bySecret: hs256 !== undefined, notice, sources: { jwks, revocations } });
}

/**
 * What nginx's http block needs so that locations can ask whose a request is. Zones: 4 KiB hold about ten verdicts, and a list
 * of revocations of 256 KiB, twice while it changes, fits into 8 MiB.
 */
export function authDirectives({ spec }: StemHub): readonly string[] {
  // Without it nobody is a user, and the header that says so is empty for every component.
  if (!spec.auth) return ['map $host $stemhub_user { default ""; }', 'map $host $stemhub_refusal { default ""; }'];
  return [
    "js_shared_dict_zone zone=verdicts:8M timeout=3600s evict;",
    "js_shared_dict_zone zone=revoked:8M;",
    "js_preload_object stemhub_auth from /etc/stemhub/gateway/auth.json;",
    'js_var $stemhub_user "";',
    'js_var $stemhub_claims "";',
    'js_var $stemhub_refusal "";',
    "js_set $stemhub_token gateway.token;",
  ];
}

/** What each server needs: where a request goes that has no user. */
export function authLocations({ spec }: StemHub): readonly string[] {
  return spec.auth
    ? ["error_page 401 = @refuse_token;", "location @refuse_token { js_content gateway.refuseToken; }"]
    : [];
}

/** What a location needs whose route has access User. A component's own 401 passes as it is. */
export const userOnly: readonly string[] = ['if ($stemhub_token = "") { return 401; }'];

/** What nginx's container needs mounted. */
export function authMounts({ spec }: StemHub): { readonly volumes: object[]; readonly volumeMounts: object[] } {
  const secret = spec.auth?.hs256?.secret;
  if (!secret) return { volumes: [], volumeMounts: [] };
  const items = [{ key: secret.key, path: "secret" }];
  return {
    volumes: [{ name: "token-secret", secret: { secretName: secret.name, items, defaultMode: 0o440 } }],
    volumeMounts: [{ name: "token-secret", mountPath: tokenSecretPath, readOnly: true }],
  };
}
