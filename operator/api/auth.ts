import { z } from "zod";
import { dataKey, exactlyOne, field, matching, objectName } from "./primitives.ts";
import { componentNames } from "./release.ts";

/** Where a document is fetched from: a component of this StemHub, or the world. */
const source = (what: string, example: string) =>
  z
    .object({
      component: z
        .enum(componentNames)
        .meta(field("Component that answers, asked at its Service; it must be in components."))
        .optional(),
      path: z
        .string()
        .max(1024)
        .meta(
          field("Path at the component.", [
            matching("^/[^ #]*$", `path must begin with / and hold no space: write it like ${example}`),
          ]),
        )
        .optional(),
      url: z
        .string()
        .max(2048)
        .meta(
          field("URL of a sign-in service outside. Redirects are not followed.", [
            matching(
              "^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^ #]*)?$",
              `url must be https: write it like https://id.example.com${example}`,
            ),
          ]),
        )
        .optional(),
      caConfigMap: z
        .object({ name: objectName("Name of the ConfigMap, in this namespace.") })
        .meta(field("ConfigMap with the key ca.crt, where the url's certificate is not from a public authority."))
        .optional(),
    })
    .meta(
      field(what, [
        exactlyOne(["component", "url"], "where keys or revocations come from"),
        {
          rule: "has(self.component) == has(self.path)",
          message: "component and path belong together: name the path at which the component answers, or set url alone",
        },
        {
          rule: "!has(self.caConfigMap) || has(self.url)",
          message: "caConfigMap is for a url: components are asked by http inside the cluster, so remove it",
        },
      ]),
    );

const name = (what: string) => z.string().min(1).max(512).meta(field(what));

/** How the gateway knows whose a request is. */
export const authSchema = z
  .object({
    jwks: source(
      "Key set (RFC 7517) by which tokens of RS256 and ES256 are verified. The operator fetches it each minute and keeps the last good one, so that tokens are verified while its source is away.",
      "/.well-known/jwks.json",
    ).optional(),
    hs256: z
      .object({
        secret: z
          .object({ name: objectName("Name of the Secret, in this namespace."), key: dataKey("The key in its data.") })
          .meta(field("The secret, of at least 32 bytes (RFC 7518). Whoever has it can make tokens.")),
      })
      .meta(field("Tokens of HS256, verified by a secret. It is mounted in the gateway's nginx container alone."))
      .optional(),
    issuer: name("What a token's iss must be; not asked for where absent.").optional(),
    audience: name(
      "What a token's aud must be or hold. Where absent, a token that names an audience is refused, since it is for somebody else.",
    ).optional(),
    cookie: z
      .string()
      .min(1)
      .max(128)
      .meta(
        field("Name of the cookie that holds the token, where a request has no bearer token.", [
          matching("^[A-Za-z0-9!$%&*+.^_|~-]+$", "auth.cookie must be the name of a cookie: write it like session"),
        ]),
      )
      .optional(),
    clockSkewSeconds: z
      .int()
      .min(0)
      .max(300)
      .default(30)
      .meta(field("By how many seconds the clock of the sign-in service may differ.")),
    expiredGraceSeconds: z
      .int()
      .min(0)
      .max(3600)
      .default(0)
      .meta(
        field(
          "For how many seconds an expired token is still good for reading while auth is not Normal, when nobody can sign in anew. 0: never.",
        ),
      ),
    revocations: source(
      'List of what was revoked: {"tokens": [jti, …], "subjects": {sub: seconds since 1970, from before when its tokens are void}}. Fetched each half minute; the last known one is honoured while its source is away.',
      "/.well-known/revocations.json",
    ).optional(),
    maxKeyAgeHours: z
      .int()
      .min(1)
      .max(168)
      .default(12)
      .meta(
        field("How old a key set may be, in hours, when it cannot be fetched anew. After that, no token is verified."),
      ),
  })
  .meta(
    field("How tokens are verified on routes with access User.", [
      exactlyOne(["jwks", "hs256"], "auth"),
      {
        rule: "!has(self.jwks) || has(self.issuer)",
        message:
          "auth.issuer is missing: a key set may be used by several issuers, so say what a token's iss must be (RFC 8725)",
      },
    ]),
  );

/** How tokens are verified, defaults filled in. */
export type Auth = z.output<typeof authSchema>;

/** Where a document of auth is fetched from. */
export type AuthSource = NonNullable<Auth["jwks"]>;
