import { object, signature, storageAway } from "./handlers/files.ts";
import { handOver } from "./handlers/hand-over.ts";
import { mode } from "./handlers/mode.ts";
import { enqueue } from "./handlers/queue.ts";
import { problem, replaceBody, replaceHeaders, retryAfter } from "./handlers/refusal.ts";
import { encodedClaims, token } from "./handlers/token.ts";
import { state, verdict } from "./handlers/variables.ts";

/** What nginx.conf names as gateway.NAME. */
export default {
  encodedClaims,
  enqueue,
  handOver,
  mode,
  object,
  problem,
  replaceBody,
  replaceHeaders,
  retryAfter,
  signature,
  state,
  storageAway,
  token,
  verdict,
};
