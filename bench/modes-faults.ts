import { lockHolder } from "../e2e/support/database-load.ts";
import { echoFault } from "../e2e/support/echo.ts";
import type { Kubectl } from "../e2e/support/kubectl.ts";
import { memberPods, signalPostgres } from "../e2e/support/members.ts";
import type { Relay } from "../e2e/support/relay.ts";
import type { Capability } from "../operator/api/mode-document.ts";

/** Something that a capability stops working of, until it ends. */
export interface ModesFault {
  /** For figures. */
  readonly name: string;
  readonly capability: Capability;
  /** Upper bound of the median until every gateway tells; what the issue asks of the database. Units: seconds. */
  readonly targetSeconds?: number;
  /** Returns the moment before it was asked for, in ms since 1970: it came no earlier, and some tenths of a second later at most. */
  begin(): Promise<number>;
  end(): Promise<void>;
}

/** Each capability, frozen: what a client sees of the worst that can happen, as nobody refuses it. */
export function modesFaults(kubectl: Kubectl, stemhub: string, relay: Relay): readonly ModesFault[] {
  const service = (capability: Capability, component: string): ModesFault => ({
    name: `${capability} does not answer`,
    capability,
    begin: () => timed(() => echoFault(kubectl, `${stemhub}-${component}`, "frozen")),
    end: () => echoFault(kubectl, `${stemhub}-${component}`, "well"),
  });
  let standbys: readonly string[] = [];
  const signal = (name: "STOP" | "CONT") => Promise.all(standbys.map((pod) => signalPostgres(kubectl, pod, name)));
  return [
    {
      name: "both standbys hang, no write is acknowledged",
      capability: "database",
      targetSeconds: 3,
      begin: async () => {
        const primary = await lockHolder(kubectl, `${stemhub}-db`);
        standbys = (await memberPods(kubectl, stemhub)).filter((pod) => pod !== primary);
        return timed(() => signal("STOP"));
      },
      end: async () => {
        await signal("CONT");
      },
    },
    {
      name: "storage does not answer",
      capability: "storage",
      begin: () => timed(() => relay.cut("silent")),
      end: () => relay.mend(),
    },
    service("collaboration", "collaboration"),
    service("auth", "auth"),
    service("dawParsing", "updates"),
  ];
}

async function timed(begin: () => Promise<unknown>): Promise<number> {
  const fromMs = Date.now();
  await begin();
  return fromMs;
}
