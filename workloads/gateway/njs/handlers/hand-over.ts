// biome-ignore lint/style/useNodejsImportProtocol: it is njs that has this module, not Node.
import crypto from "crypto";
import type { ModeDocument } from "../../../../operator/api/mode-document.ts";
import { stateOf } from "../state.ts";
import { currentMode, keep } from "./shared.ts";
import { keepKeys, keepRevocations } from "./trust.ts";

/** What the mode-agent sends: the texts of the ConfigMap NAME-mode, by its keys without their `.json`. */
interface HandOver {
  readonly mode?: string;
  readonly jwks?: string;
  readonly revocations?: string;
}

/**
 * Takes what the mode-agent hands over, by a Unix socket that nobody else has. Answers 204 when it is kept; 409 when the
 * mode has an older epoch than the one that is known, which then stays; 400 for what is of no use: that stays as it was,
 * and the rest is kept, since bad keys must not hide a mode.
 */
export function handOver(r: NginxHTTPRequest): void {
  let given: HandOver;
  try {
    given = JSON.parse(r.requestText ?? "") as HandOver;
  } catch (error) {
    r.return(400, `not JSON: ${(error as Error).message}\n`);
    return;
  }
  const complaints = [
    attempt("jwks", given.jwks, keepKeys),
    attempt("revocations", given.revocations, keepRevocations),
    attempt("mode", given.mode, keepMode),
  ].filter((complaint) => complaint !== "");
  if (complaints.length === 0) r.return(204);
  else r.return(complaints[0] === olderEpoch ? 409 : 400, `${complaints.join("; ")}\n`);
}

const olderEpoch = "mode: a later epoch is known";

function attempt(what: string, text: string | undefined, keepIt: (text: string) => void): string {
  if (text === undefined) return "";
  try {
    keepIt(text);
    return "";
  } catch (error) {
    return `${what}: ${(error as Error).message}`;
  }
}

function keepMode(text: string): void {
  const mode = JSON.parse(text) as ModeDocument;
  const known = currentMode();
  if (known && known.epoch > mode.epoch) throw new Error("a later epoch is known");
  keep("mode", text);
  keep("state", stateOf(mode));
  keep("tag", `"${crypto.createHash("sha256").update(text).digest("hex").slice(0, 16)}"`);
}
