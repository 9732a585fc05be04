import { recall } from "./shared.ts";

/** $stemhub_state: the mode in one line (state.ts); empty until one is known. */
export function state(): string {
  return recall("state") ?? "";
}
