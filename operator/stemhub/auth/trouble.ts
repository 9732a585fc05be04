import type { AuthWarning } from "../../api/status.ts";
import type { EventDetails } from "../../runtime/events.ts";
import { rfc3339 } from "../conditions.ts";
import type { AuthDocument, AuthTexts } from "./documents.ts";
import type { AuthTarget, Source } from "./targets.ts";

/** How the fetching of a document goes. Undefined: this leader has had neither a good answer nor enough bad ones yet. */
export type FetchState =
  | { readonly name: "Good" }
  | { readonly name: "Failing"; readonly sinceMs: number; readonly message: string }
  | undefined;

/** What is told of fetching that fails. */
export interface AuthTroubleFacts {
  readonly target: AuthTarget | undefined;
  readonly states: Readonly<Partial<Record<AuthDocument, FetchState>>>;
  /** What the gateways have: the ConfigMap's texts. */
  readonly published: AuthTexts;
  readonly maxKeyAgeHours: number;
  /** The former warnings. */
  readonly before: readonly AuthWarning[];
  readonly now: number;
}

/**
 * What the status is to say of documents that are not fetched. A warning that goes on keeps its words and its moment, so that
 * the status is written when it begins, when keys become too old, and when it ends. One of a former leader stands until this
 * one knows better; one of another source is gone.
 */
export function authWarnings(facts: AuthTroubleFacts): AuthWarning[] {
  const { target } = facts;
  return [
    ...(target?.keys ? warningOf("keys", target.keys, facts) : []),
    ...(target?.revocations ? warningOf("revocations", target.revocations, facts) : []),
  ];
}

/** When the keys that the gateways have are too old, in ms since 1970; undefined where they have none. */
export function keysEndMs(published: AuthTexts, maxKeyAgeHours: number): number | undefined {
  const fetched = fetchedOf(published.keys);
  return fetched === undefined ? undefined : Date.parse(fetched) + maxKeyAgeHours * 3_600_000;
}

/** A Warning for each that begins or becomes worse, and one Normal for each that has ended. */
export function authEvents(before: readonly AuthWarning[] = [], after: readonly AuthWarning[] = []): EventDetails[] {
  const isIn = (all: readonly AuthWarning[], { reason, source }: AuthWarning) =>
    all.some((one) => one.reason === reason && one.source === source);
  const begun = after
    .filter((warning) => !isIn(before, warning))
    .map(({ reason, message }) => ({ type: "Warning", reason, note: message }) as const);
  const ended = before
    .filter(({ document }) => !after.some((one) => one.document === document))
    .map(
      ({ document, source }) =>
        ({ type: "Normal", reason: "AuthFetched", note: `The ${document} of ${source} are fetched again.` }) as const,
    );
  return [...begun, ...ended];
}

function warningOf(document: AuthDocument, { url, logsCommand }: Source, facts: AuthTroubleFacts): AuthWarning[] {
  const { states, published, maxKeyAgeHours, now } = facts;
  const state = states[document];
  const former = facts.before.find((one) => one.document === document && one.source === url);
  if (state?.name === "Good" || (!state && !former)) return [];
  const since = former?.since ?? rfc3339(state?.sinceMs ?? now);
  const fetched = fetchedOf(published[document]);
  const endMs = document === "keys" ? keysEndMs(published, maxKeyAgeHours) : undefined;
  const reason = reasonOf(document, fetched, endMs, now);
  if (former?.reason === reason) return [former];
  const consequence = {
    KeysNotFetched: `Tokens are verified by those of ${fetched} until ${endMs && rfc3339(endMs)} (auth.maxKeyAgeHours), and then no more`,
    KeysTooOld: `Those of ${fetched} are older than auth.maxKeyAgeHours: requests with tokens get 503`,
    NoKeys: "There are no others: requests with tokens get 503",
    RevocationsNotFetched:
      fetched === undefined
        ? "There is no other list: no token counts as revoked"
        : `The list of ${fetched} is honoured; what was revoked later is not known`,
  }[reason];
  const next =
    logsCommand === undefined
      ? "See that auth's url and caConfigMap are right, and that the operator's pods reach it"
      : `See the component's log, and that it answers there with 200: ${logsCommand}`;
  const message = `The ${document} of ${url} cannot be fetched since ${since}: ${state?.message ?? "no answer was good"}. ${consequence}. ${next}.`;
  return [{ document, reason, source: url, since, ...(fetched === undefined ? {} : { fetched }), message }];
}

function reasonOf(
  document: AuthDocument,
  fetched: string | undefined,
  endMs: number | undefined,
  now: number,
): AuthWarning["reason"] {
  if (document === "revocations") return "RevocationsNotFetched";
  if (fetched === undefined || endMs === undefined) return "NoKeys";
  return now > endMs ? "KeysTooOld" : "KeysNotFetched";
}

/** The moment that a published text names; undefined where there is none. */
function fetchedOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const { fetched } = JSON.parse(text) as { fetched?: unknown };
  return typeof fetched === "string" && !Number.isNaN(Date.parse(fetched)) ? fetched : undefined;
}
