import type { Capability, ModeDocument } from "../../../operator/api/mode-document.ts";

/**
 * What every request needs of the mode, in one line, so that no request reads JSON: `Normal 17 ` or
 * `ReadOnly 18 database=ReadOnly, storage=Degraded`. nginx.conf takes it apart again for the response's headers, and a request
 * that finds it beginning with Normal asks no further.
 */
export function stateOf(document: ModeDocument): string {
  return `${document.mode} ${document.epoch} ${notNormal(document).join(", ")}`;
}

function notNormal(document: ModeDocument): string[] {
  const capabilities = document.capabilities;
  const modeOf = (name: string) => capabilities[name as Capability].mode;
  return Object.keys(capabilities)
    .filter((name) => modeOf(name) !== "Normal")
    .map((name) => `${name}=${modeOf(name)}`);
}
