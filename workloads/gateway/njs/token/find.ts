import type { Refusal } from "./refusal.ts";

/** Where a request may carry its token. */
export interface Carriers {
  /** Header Authorization. */
  readonly authorization: string | undefined;
  /** Header Cookie; several are one, with "; " between. */
  readonly cookies: string | undefined;
}

/** The token of a request, or why there is none. */
export interface Found {
  readonly token?: string;
  readonly refusal?: Refusal;
}

/**
 * A bearer token (RFC 6750 section 2.1), else the cookie of that name, where there is one. Never from the query, which ends
 * up in logs. The same cookie twice is refused unless both are the same: a page of a neighbouring host can set one, and the
 * component might read another than we do.
 */
export function findToken(carriers: Carriers, cookieName: string | undefined): Found {
  const authorization = carriers.authorization ?? "";
  // By hand: njs' regular expressions cost more than the rest of this, and this is asked of every request.
  if (authorization.slice(0, 7).toLowerCase() === "bearer ") return { token: authorization.slice(7).trim() };
  if (cookieName === undefined) return { refusal: "NoToken" };
  const values = cookiesNamed(cookieName, carriers.cookies ?? "");
  const token = values[0];
  if (token === undefined || token === "") return { refusal: "NoToken" };
  return values.every((value) => value === token) ? { token } : { refusal: "TwoTokens" };
}

function cookiesNamed(name: string, cookies: string): string[] {
  return cookies
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}
