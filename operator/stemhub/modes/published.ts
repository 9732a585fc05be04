import {
  type Capability,
  capabilityNames,
  type ModeDocument,
  modeDocumentSchema,
  modeKeys,
} from "../../api/mode-document.ts";
import type { ModesStatus } from "../../api/modes.ts";
import type { StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { childMetadata } from "../metadata.ts";
import { childNames } from "../names.ts";
import { type ModeDecision, startingReason } from "./decide.ts";

/** Keys beside the mode that others have a say in, as JSON; absent ones are not in the object. */
export interface BesideTheMode {
  readonly keys?: string;
  readonly revocations?: string;
}

/** The ConfigMap that gateway and queue watch. */
export function modeConfigMap(stemhub: StemHub, document: ModeDocument, beside: BesideTheMode = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: childMetadata(stemhub, childNames(stemhub.metadata.name).mode, "gateway"),
    data: {
      [modeKeys.mode]: JSON.stringify(document),
      ...(beside.keys === undefined ? {} : { [modeKeys.keys]: beside.keys }),
      ...(beside.revocations === undefined ? {} : { [modeKeys.revocations]: beside.revocations }),
    },
  };
}

/**
 * What is published now: by the ConfigMap, or by the status where that is gone, broken, or behind. Undefined where nothing ever
 * was.
 */
export function publishedMode(stemhub: StemHub, configMap: KubeObject | undefined): ModeDocument | undefined {
  const told = stemhub.status?.modes;
  const document = readDocument((configMap?.data as Record<string, string> | undefined)?.[modeKeys.mode]);
  if (document && document.epoch >= (told?.epoch ?? 0)) return document;
  return told ? fromStatus(stemhub.metadata.name, told) : document;
}

function readDocument(text: string | undefined): ModeDocument | undefined {
  try {
    return modeDocumentSchema.safeParse(JSON.parse(text ?? "")).data;
  } catch {
    return undefined;
  }
}

function fromStatus(stemhub: string, { epoch, mode, message, capabilities }: ModesStatus): ModeDocument | undefined {
  const stateOf = (name: Capability) => {
    const state = capabilities.find((one) => one.name === name);
    return state && { mode: state.mode, reason: state.reason, message: "", since: state.since, epoch };
  };
  const since = capabilities
    .map((one) => one.since)
    .sort()
    .at(-1);
  const states = Object.fromEntries(capabilityNames.map((name) => [name, stateOf(name)]));
  return modeDocumentSchema.safeParse({ stemhub, epoch, mode, since, message, capabilities: states }).data;
}

/** What the status says of a decision. */
export function modesStatus({ document, flips, details }: ModeDecision): ModesStatus {
  const { epoch, mode, message, capabilities, override } = document;
  const states = capabilityNames.map((name) => {
    const { mode: its, reason, since } = capabilities[name];
    const detail = details[name];
    return { name, mode: its, reason, ...(detail === undefined ? {} : { detail: detail.slice(0, 1024) }), since };
  });
  const failing = states.filter((state) => state.mode !== "Normal");
  return {
    mode,
    epoch,
    message,
    summary: failing.map((state) => `${state.name} ${state.mode} (${state.reason})`).join(", ") || "all Normal",
    capabilities: states,
    ...(override ? { override: { mode: override.mode as ModesStatus["mode"], expires: override.expires } } : {}),
    ...(flips.length > 0 ? { flips: [...flips] } : {}),
  };
}

/** Has the database never yet been found to work? */
export function isStarting(modes: ModesStatus | undefined): boolean {
  return modes?.capabilities.find(({ name }) => name === "database")?.reason === startingReason;
}
