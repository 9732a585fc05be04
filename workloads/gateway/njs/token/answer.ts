import type { Refusal } from "./refusal.ts";

/** What a client is answered that has no user. */
export interface RefusalAnswer {
  /** 401: sign in. 503: nobody can say whose the request is, or signing in is not possible now. */
  readonly status: 401 | 503;
  /** Header WWW-Authenticate (RFC 6750 section 3); with 401 alone. */
  readonly wwwAuthenticate?: string;
  readonly title: string;
  /** For the user. Absent where the notice of auth is to be said. */
  readonly detail?: string;
}

const signIn: RefusalAnswer = {
  status: 401,
  wwwAuthenticate: 'Bearer realm="stemhub"',
  title: "Sign in",
  detail: "This needs a signed-in user. Sign in and try again.",
};

const notice: RefusalAnswer = { status: 503, title: "Signing in is not possible" };

/**
 * The answer to a refusal. It says what the client can do, not what was wrong with a token: that would help only those who
 * try to make one.
 */
export function answerRefusal(refusal: Refusal, authDown: boolean): RefusalAnswer {
  switch (refusal) {
    case "NoToken":
      return authDown ? notice : signIn;
    case "Expired":
      return authDown ? notice : invalid("The token has expired", "Your sign-in has ended. Sign in again.");
    // Ours to mend, not the client's.
    case "NoKeys":
    case "KeysTooOld":
    case "SecretTooShort":
      return notice;
    case "TokenRevoked":
    case "SubjectRevoked":
      return invalid("The token was revoked", "You have been signed out. Sign in again.");
    case "TwoTokens":
    case "TooLong":
    case "NotThreeParts":
    case "NotBase64url":
    case "NotJson":
    case "AlgorithmNotAllowed":
    case "CriticalHeader":
    case "WrongType":
    case "UnknownKey":
    case "UnfitKey":
    case "AmbiguousKey":
    case "BadSignature":
    case "NoSubject":
    case "NoExpiry":
    case "BadClaim":
    case "WrongIssuer":
    case "WrongAudience":
    case "NotYetValid":
    case "IssuedInFuture":
      return invalid("The token is not valid", "Your sign-in is not valid here. Sign in again.");
  }
}

function invalid(description: string, detail: string): RefusalAnswer {
  return {
    status: 401,
    wwwAuthenticate: `Bearer realm="stemhub", error="invalid_token", error_description="${description}"`,
    title: "Sign in",
    detail,
  };
}
