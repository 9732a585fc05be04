import type { Route, StemHub } from "../../api/stemhub.ts";

/** Where the secret of HS256 is mounted, under the name `secret`: in nginx's container alone. */
export const tokenSecretPath = "/etc/stemhub/token-secret";

/**
 * What njs needs to know of spec.auth, as the file auth.json; undefined without spec.auth. The sources are not read there:
 * with them the file changes, and with the file the pods, so that no pod goes on with the keys of a source that was left.
 */
export function authFile({ spec }: StemHub): string | undefined {
  const { auth } = spec;
  if (!auth) return undefined;
  const { jwks, revocations, hs256, ...policy } = auth;
  const notice = spec.modes.messages.auth;
  return JSON.stringify({ ...policy, bySecret: hs256 !== undefined, notice, sources: { jwks, revocations } });
}

/**
 * What nginx's http block needs so that locations can ask whose a request is. A verdict takes some 400 bytes; a list of
 * revocations of 256 KiB has at most 32,000 entries of 256 bytes each, and twice as many while all of it changes.
 */
export function authDirectives({ spec }: StemHub): readonly string[] {
  // Without it nobody is a user, and the header that says so is empty for every component.
  const told = "proxy_set_header X-StemHub-User $stemhub_user;";
  if (!spec.auth) return [...["user", "refusal"].map((name) => `map "" $stemhub_${name} { default ""; }`), told];
  return [
    "js_shared_dict_zone zone=verdicts:8M timeout=3600s evict;",
    "js_shared_dict_zone zone=revoked:24M;",
    "js_preload_object stemhub_auth from /etc/stemhub/gateway/auth.json;",
    ...["user", "claims_text", "refusal", "refusal_problem", "refusal_retry", "authenticate"].map(
      (name) => `js_var $stemhub_${name} "";`,
    ),
    "js_set $stemhub_token gateway.token;",
    "js_set $stemhub_claims gateway.encodedClaims;",
    told,
  ];
}

/** Statuses by which nginx hands a request over inside of itself, as in mode.ts. */
const handedOver = { nobody: 591, unknown: 592 } as const;

/**
 * What each server needs: where a request goes that has no user.
 *
 * @param everyAnswer lines that add the headers of every answer
 */
export function authLocations({ spec }: StemHub, everyAnswer: readonly string[]): readonly string[] {
  if (!spec.auth) return [];
  const common = [
    "default_type application/problem+json;",
    ...everyAnswer,
    "add_header Cache-Control no-store always;",
  ].join(" ");
  return [
    ...authErrors,
    `location @nobody { ${common} add_header WWW-Authenticate $stemhub_authenticate always; return 401 $stemhub_refusal_problem; }`,
    `location @unknown { ${common} add_header Retry-After $stemhub_refusal_retry always; return 503 $stemhub_refusal_problem; }`,
  ];
}

/** The way to those; a location that has an error_page of its own must repeat it. */
export const authErrors: readonly string[] = [
  `error_page ${handedOver.nobody} = @nobody;`,
  `error_page ${handedOver.unknown} = @unknown;`,
];

/** What a route's location needs first of all. A component's own 401 passes as it is. */
export function accessLines({ access }: Pick<Route, "access">): readonly string[] {
  switch (access) {
    case "Public":
      return [];
    case "User":
      return [
        `if ($stemhub_token = "") { return ${handedOver.nobody}; }`,
        `if ($stemhub_token = unknown) { return ${handedOver.unknown}; }`,
      ];
  }
}

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
