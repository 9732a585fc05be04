import type { ArchiveStatus } from "../api/backup-status.ts";
import type { QueueSummary } from "../api/queue-configuration.ts";
import type { AuthWarning } from "../api/status.ts";
import type { DatabaseWarning, RebuildStatus, RotationStatus, StemHub, SwitchoverStatus } from "../api/stemhub.ts";
import { type ApplyDeps, applyIfChanged } from "../runtime/apply.ts";
import type { ReconcileDeps } from "../runtime/controller.ts";
import type { Recorder } from "../runtime/events.ts";
import type { KubeObject } from "../runtime/objects.ts";
import type { Settings } from "../settings.ts";
import type { AuthTexts } from "./auth/documents.ts";
import type { AuthWatch } from "./auth/watch.ts";
import type { BackupMetrics } from "./backup/metrics.ts";
import { appliedAnnotation, fieldManager } from "./metadata.ts";
import type { ModeDecision } from "./modes/decide.ts";
import type { Lifts } from "./modes/lifts.ts";
import type { ModeMetrics } from "./modes/metrics.ts";
import { asksForReadOnly, overrideInForce } from "./modes/override.ts";
import type { ModeWatch } from "./modes/watch.ts";
import type { NodeWatch } from "./nodes/watch.ts";
import { observe, type World } from "./observe.ts";
import type { Findings } from "./postgres/probe/findings.ts";
import type { DatabaseWatch } from "./postgres/probe/watch.ts";
import { recentRebuilds } from "./postgres/rebuild.ts";
import type { SwitchoverWish } from "./postgres/switchover.ts";
import type { QueueWatch } from "./queue/watch.ts";
import type { Rollout } from "./release/rollout.ts";

/** What a pass may use: the runtime's parts, and what was set from outside. */
export interface Deps extends ReconcileDeps {
  readonly settings: Settings;
  readonly recorder: Recorder;
  readonly nodes: NodeWatch;
  readonly databases: DatabaseWatch;
  readonly auth: AuthWatch;
  readonly queues: QueueWatch;
  readonly backups: { readonly metrics: BackupMetrics };
  readonly modes: { readonly watch: ModeWatch; readonly lifts: Lifts; readonly metrics: ModeMetrics };
}

/**
 * One pass over one StemHub: what a phase reads, and where it leaves what later phases and the status need.
 * A pass is thrown away at its end; the next one derives everything again.
 */
export interface Scope {
  readonly stemhub: StemHub;
  /** Taken when the pass began; a phase that needs what an earlier one made waits for the next pass. */
  readonly world: World;
  /** Objects that the spec asks for, from every phase that ran: what else we own is pruned. */
  readonly desired: KubeObject[];
  /** The soonest moment at which some phase wants to come again, in ms from now. */
  requeueAfterMs: number | undefined;
  /** Asks for another pass in `ms` at the latest. */
  readonly comeBackAfter: (ms: number) => void;
  /** Some phase has failed, so `desired` is not everything. */
  failed: boolean;
  /** What the release phase found, for the phases after it and for the status. */
  readonly release: ReleaseFindings;
  /** What the database itself has said; undefined while it has not been asked. */
  findings: Findings | undefined;
  /** What strains the database: the former warnings, or what the strain phase made of the findings. */
  warnings: readonly DatabaseWarning[];
  /** How WAL gets into the repository: the former report, or what the strain phase made of the findings. */
  archive: ArchiveStatus | undefined;
  /** Somebody has set the mode ReadOnly by hand, for a time that has not passed. */
  readonly readOnlyChosen: boolean;
  /**
   * What waits in the write queue, as it says now where that decides the mode, else as it said last; undefined where there
   * is none, or where it does not answer.
   */
  queue: QueueSummary | undefined;
  /** Keys and revocations as gateways have them; undefined where the modes phase got no further. */
  authTexts: AuthTexts | undefined;
  /** Keys and revocations that are not fetched: the former warnings, or what the auth phase found. */
  authWarnings: readonly AuthWarning[];
  /** What works now; undefined where the modes phase got no further. */
  mode: ModeDecision | undefined;
  /** Why a change needs another primary, if one does. */
  switchoverWish: SwitchoverWish | undefined;
  /** What the status is to say of the last switchover: the former report, or what the database phase found. */
  switchover: SwitchoverStatus | undefined;
  /** What the status is to say of the last rotation of the app's password. */
  rotation: RotationStatus | undefined;
  /** Members that were rebuilt lately: the former report, and what the rebuild phase added. */
  rebuilds: readonly RebuildStatus[];
  /** Applies an object unless the live one is already so. */
  readonly apply: (object: KubeObject) => Promise<void>;
}

/** What a pass learned of the release. Absent where it did not get as far. */
export interface ReleaseFindings {
  rollout?: Rollout;
  /** The end of a failed migration's log, and its last line. */
  logTail?: string | undefined;
  lastLogLine?: string | undefined;
}

/** The scope of a pass that begins now. */
export function createScope(stemhub: StemHub, deps: Deps): Scope {
  const desired: KubeObject[] = [];
  const scope: Scope = {
    stemhub,
    world: observe(deps.cache, stemhub),
    desired,
    requeueAfterMs: undefined,
    comeBackAfter: (ms) => {
      scope.requeueAfterMs = Math.min(ms, scope.requeueAfterMs ?? ms);
    },
    failed: false,
    release: {},
    findings: undefined,
    warnings: stemhub.status?.database?.warnings ?? [],
    archive: stemhub.spec.backup && stemhub.status?.backup?.archive,
    readOnlyChosen: asksForReadOnly(overrideInForce(stemhub.spec.modes, deps.clock.now())),
    queue: undefined,
    authTexts: undefined,
    authWarnings: stemhub.status?.auth?.warnings ?? [],
    mode: undefined,
    switchoverWish: undefined,
    switchover: stemhub.status?.database?.switchover,
    rotation: stemhub.status?.database?.rotation,
    rebuilds: recentRebuilds(stemhub.status?.database?.rebuilds ?? [], deps.clock.now()),
    apply: async (object) => {
      desired.push(object);
      const { written, why } = await applyIfChanged(applyDeps(deps), object);
      if (written) deps.log.info({ kind: object.kind, name: object.metadata.name, reason: why }, "applied");
    },
  };
  return scope;
}

/** What server-side apply is done with: one field manager for all that we own. */
export function applyDeps({ api, cache }: Deps): ApplyDeps {
  return { api, cache, fieldManager, hashAnnotation: appliedAnnotation };
}
