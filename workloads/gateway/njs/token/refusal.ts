/** Why a request has no user. In the gateway's log as it stands; clients are told less: answer.ts. */
export type Refusal =
  /** Neither a bearer token nor the cookie. */
  | "NoToken"
  /** The cookie is there more than once with different values: the component might read another than we do. */
  | "TwoTokens"
  /** More than maxTokenLength. */
  | "TooLong"
  /** Not the compact form of a signed token: an encrypted one, or JSON. */
  | "NotThreeParts"
  | "NotBase64url"
  | "NotJson"
  /** `alg` is none of those that spec.auth allows. */
  | "AlgorithmNotAllowed"
  /** `crit`: it wants an extension to be understood. */
  | "CriticalHeader"
  /** `typ`: it was made for something else. */
  | "WrongType"
  /** No key set has been fetched yet. */
  | "NoKeys"
  /** The key set was fetched more than maxKeyAgeHours ago. */
  | "KeysTooOld"
  /** The secret has fewer than 32 bytes. */
  | "SecretTooShort"
  /** No key has its `kid`. */
  | "UnknownKey"
  /** The key that it names is of another type, size, use or algorithm. */
  | "UnfitKey"
  /** Several keys fit, and it names none. */
  | "AmbiguousKey"
  | "BadSignature"
  /** `sub` is missing, or cannot stand in a header. */
  | "NoSubject"
  /** `exp` is missing: it would be good for ever. */
  | "NoExpiry"
  /** Some other claim is not of its type. */
  | "BadClaim"
  | "WrongIssuer"
  | "WrongAudience"
  | "Expired"
  | "NotYetValid"
  | "IssuedInFuture"
  /** Its `jti` has been revoked. */
  | "TokenRevoked"
  /** All tokens of its subject from before some moment have been revoked. */
  | "SubjectRevoked";
