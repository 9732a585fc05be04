import { modeKeys } from "../../api/mode-document.ts";
import { componentsOf } from "../../api/stemhub.ts";
import { authTexts } from "../auth/documents.ts";
import { authTarget } from "../auth/targets.ts";
import { silenceMs } from "../modes/causes.ts";
import { answeredMs, databaseEvidence } from "../modes/database-evidence.ts";
import { decideModes, type ModeFacts } from "../modes/decide.ts";
import type { Question } from "../modes/evidence.ts";
import { type BesideTheMode, modeConfigMap, publishedMode } from "../modes/published.ts";
import { childNames } from "../names.ts";
import { isReadOnly } from "../postgres/strain.ts";
import type { Deps, Scope } from "../scope.ts";
import { modeProbes } from "./mode-probes.ts";

/** Silences of the database at which a pass is due: when others are asked about it, and when it is told. */
export const silencesToTell: readonly number[] = [answeredMs, silenceMs];

/** An answer to a read that is older says nothing of a silence. */
const freshMs = 800;

/** Sees to it that the capabilities are asked about, decides what works now, and publishes it before anything else is done. */
export async function decideMode(scope: Scope, deps: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { modes, log } = deps;
  const { namespace = "", name } = stemhub.metadata;
  const key = { namespace, name };
  modes.watch.aim(key, modeProbes(scope, deps));
  const configMap = world.configMaps.find(({ metadata }) => metadata.name === childNames(name).mode);
  const former = publishedMode(stemhub, configMap);
  const decision = decideModes({ ...modeFacts(scope, deps), former });
  const { document, flips, reviewInMs } = decision;
  const flipped = flips.filter(({ epoch }) => former !== undefined && epoch > former.epoch);
  for (const flip of flipped) log.info({ ...key, ...flip }, "a mode changes");
  await scope.apply(modeConfigMap(stemhub, document, besideTheMode(scope, deps, configMap?.data)));
  scope.mode = decision;
  modes.metrics.tell(key, document);
  modes.metrics.flipped(key, flipped);
  modes.watch.reviewAfter(key, reviewInMs);
}

/** What the mode is decided by, but for what is published. */
function modeFacts(scope: Scope, { modes, databases, clock }: Deps): Omit<ModeFacts, "former"> {
  const { stemhub, world } = scope;
  const { namespace = "", name } = stemhub.metadata;
  const key = { namespace, name };
  const { primary, members, initialized } = world.topology;
  const evidenceOf = (question: Question) => modes.watch.evidenceOf(key, question);
  const lastRead = modes.watch.lastOf(key, "reads");
  const { changing, isolated, ...database } = databaseEvidence({
    primary: primary !== undefined,
    candidate: members.some(({ pod, ready, inSync }) => pod !== primary && ready && inSync),
    switchover: scope.switchover?.phase === "Requested",
    writes: databases.writesOf(key),
    reads: evidenceOf("reads"),
    lastRead,
  });
  // Whether the proxies still reach the primary is known before its silence is told.
  if (database.writes.state === "failing" && (lastRead?.agoMs ?? 0) > freshMs) modes.watch.hurry(key, "reads");
  const components = new Set(componentsOf(stemhub).map((component) => component.name));
  return {
    stemhub: name,
    flips: stemhub.status?.modes?.flips ?? [],
    evidence: {
      ...database,
      storageReads: evidenceOf("storageReads"),
      storageWrites: evidenceOf("storageWrites"),
      collaboration: evidenceOf("collaboration"),
      dawParsing: evidenceOf("dawParsing"),
      auth: evidenceOf("auth"),
    },
    database: {
      started: primary !== undefined || initialized,
      changing,
      isolated,
      volumeFull: scope.warnings.find(({ reason }) => reason === "VolumeFull")?.message,
      liftedForMs: modes.lifts.liftedForMs(key, isReadOnly(scope.warnings, scope.readOnlyChosen)),
    },
    uses: {
      storage: stemhub.spec.storage !== undefined,
      collaboration: components.has("collaboration"),
      dawParsing: stemhub.spec.dawParsing !== undefined,
      auth: components.has("auth"),
    },
    queue: stemhub.spec.queue &&
      scope.queue && { pending: scope.queue.queued, drainMs: stemhub.spec.queue.drainSeconds * 1_000 },
    settings: stemhub.spec.modes,
    now: clock.now(),
  };
}

/** What a gateway must know while the auth service is away. Sees to it that it is fetched. */
function besideTheMode(scope: Scope, { auth, settings }: Deps, live: unknown): BesideTheMode {
  const { stemhub } = scope;
  const { namespace = "", name } = stemhub.metadata;
  const target = authTarget(stemhub, settings.clusterDomain);
  auth.aim({ namespace, name }, target);
  const { [modeKeys.keys]: keys, [modeKeys.revocations]: revocations } = (live ?? {}) as Record<string, string>;
  const texts = { ...(keys === undefined ? {} : { keys }), ...(revocations === undefined ? {} : { revocations }) };
  const beside = authTexts(target, auth.keysOf({ namespace, name }), texts);
  scope.authTexts = beside;
  return beside;
}
