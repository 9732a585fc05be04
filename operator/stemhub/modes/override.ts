import type { Capability } from "../../api/mode-document.ts";
import type { Modes } from "../../api/modes.ts";
import type { AnyMode } from "./causes.ts";

/** A mode set by hand. */
export type Override = NonNullable<Modes["override"]>;

/** The override that is in force, if one is: it ends at its expiry, whoever still has it in Git. */
export function overrideInForce({ override }: Modes, now: number): Override | undefined {
  return override && Date.parse(override.expires) > now ? override : undefined;
}

/** Does an override ask PostgreSQL to be read-only? */
export function asksForReadOnly(override: Override | undefined): boolean {
  return override?.mode === "ReadOnly";
}

/** The mode that an override gives to a capability; undefined where it leaves that to the probes. */
export function forcedMode(capability: Capability, override: Override | undefined): AnyMode | undefined {
  switch (override?.mode) {
    case undefined:
      return undefined;
    case "Normal":
      return "Normal";
    case "Degraded":
      // What the core is left with: projects can be read and written, and people can sign in.
      if (capability === "auth") return undefined;
      return capability === "database" ? "Normal" : "Degraded";
    case "ReadOnly":
    case "Unavailable":
      return capability === "database" ? override.mode : undefined;
  }
}
