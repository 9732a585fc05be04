import { handOver } from "./handlers/hand-over.ts";
import { state } from "./handlers/variables.ts";

/** What nginx.conf names as gateway.NAME. */
export default { handOver, state };
