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
 * mode has an older epoch than the one that is known, which then stays; 400 for what is of no use: it stays as it was.
 */
export function handOver(r: NginxHTTPRequest): void {
  let given: HandOver;
  let mode: ModeDocument | undefined;
  try {
    given = JSON.parse(r.requestText ?? "") as HandOver;
    mode = given.mode === undefined ? undefined : (JSON.parse(given.mode) as ModeDocument);
    if (given.jwks !== undefined) keepKeys(given.jwks);
    if (given.revocations !== undefined) keepRevocations(given.revocations);
  } catch (error) {
    r.return(400, `of no use: ${(error as Error).message}\n`);
    return;
  }
  if (mode && given.mode !== undefined) {
    const known = currentMode();
    if (known && known.epoch > mode.epoch) {
      r.return(409, `epoch ${known.epoch} is known\n`);
      return;
    }
    keep("mode", given.mode);
    keep("state", stateOf(mode));
    keep("tag", `"${crypto.createHash("sha256").update(given.mode).digest("hex").slice(0, 16)}"`);
  }
  r.return(204);
}
