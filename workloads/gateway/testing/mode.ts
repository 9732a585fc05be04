import type {
  Capability,
  CapabilityMode,
  DatabaseMode,
  ModeDocument,
  PlatformMode,
} from "../../../operator/api/mode-document.ts";

/** What differs from a platform where all is Normal. */
export interface ModeSketch extends Partial<Record<Exclude<Capability, "database">, CapabilityMode>> {
  readonly database?: DatabaseMode;
  /** 1 where absent. */
  readonly epoch?: number;
}

/** A mode document: each capability that is not Normal says its name as its message. */
export function aModeDocument({ epoch = 1, ...given }: ModeSketch = {}): ModeDocument {
  const since = "2026-01-01T00:00:00Z";
  const state = <T extends string>(name: Capability, mode: T) => ({
    mode,
    reason: mode === "Normal" ? "Healthy" : "ProbeFailed",
    message: mode === "Normal" ? "" : `${name} is not as it should be`,
    since,
    epoch,
  });
  const capabilities = {
    database: state("database", given.database ?? "Normal"),
    storage: state("storage", given.storage ?? "Normal"),
    collaboration: state("collaboration", given.collaboration ?? "Normal"),
    dawParsing: state("dawParsing", given.dawParsing ?? "Normal"),
    auth: state("auth", given.auth ?? "Normal"),
  };
  const mode = platformMode(capabilities);
  return { stemhub: "studio", epoch, mode, since, message: "", capabilities };
}

function platformMode({ database, ...others }: ModeDocument["capabilities"]): PlatformMode {
  if (database.mode === "Unavailable") return "Unavailable";
  if (database.mode === "ReadOnly") return "ReadOnly";
  const all = [database, ...Object.values(others)];
  return all.every(({ mode }) => mode === "Normal") ? "Normal" : "Degraded";
}
