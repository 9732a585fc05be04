import { desiredBackup } from "../backup/desired.ts";
import type { Deps, Scope } from "../scope.ts";

/** What the database's members mount, before they do. */
export async function applyBackup({ stemhub, apply }: Scope, { settings }: Deps): Promise<void> {
  for (const object of desiredBackup(stemhub, settings.clusterDomain)) await apply(object);
}
