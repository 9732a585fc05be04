import { kinds } from "../kinds.ts";
import { fieldManager } from "../metadata.ts";
import { isCordoned } from "../nodes/cordon.ts";
import { podsOf } from "../observe.ts";
import { podTrouble } from "../pod-trouble.ts";
import { isWalRemoved } from "../postgres/probe/findings.ts";
import { decideRebuild, outOfSyncSince, stuckGraceSeconds, stuckMs } from "../postgres/rebuild.ts";
import { decideRestart } from "../postgres/restart.ts";
import { decideSwitchover, switchoverRequest } from "../postgres/switchover.ts";
import { memberClaim } from "../postgres/topology.ts";
import type { Deps, Scope } from "../scope.ts";

/** Brings the members to the newest template, one at a time. */
export async function restartMembers(scope: Scope, { api, log }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const decision = decideRestart({
    topology: world.topology,
    instances: stemhub.spec.database.instances,
    switchoverUnderWay: scope.switchover?.phase === "Requested",
  });
  switch (decision.step) {
    case "none":
    case "wait":
      return;
    case "moveRole":
      scope.switchoverWish ??= { cause: "Restart", mayBecomePrimary: (member) => !member.outdated };
      return;
    case "restart":
      log.info({ pod: decision.pod, reason: decision.message }, "restarting a member");
      await api.delete(kinds.pod, stemhub.metadata.namespace, decision.pod, { uid: decision.uid });
  }
}

/** Gives a replica that cannot mend itself a new volume. Patroni copies the primary onto it. */
export async function rebuildMembers(scope: Scope, { api, clock, nodes, log }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { instances } = stemhub.spec.database;
  const now = clock.now();
  const pods = podsOf(world, stemhub, "database");
  const decision = decideRebuild({
    topology: world.topology,
    instances,
    outOfSync: outOfSyncSince(world.topology, instances, stemhub.status?.database?.outOfSync ?? [], now),
    rebuilds: scope.rebuilds,
    receives: (pod) => scope.findings?.database?.standbys.includes(pod),
    walRemoved: (pod) => scope.findings !== undefined && isWalRemoved(scope.findings, pod),
    hindered: ({ pod, node }) => {
      const found = pods.find(({ metadata }) => metadata.name === pod);
      const trouble = found && podTrouble(found);
      const away = nodes.stateOf(node) === "lost" || nodes.healedWithin(node, stuckMs);
      return away || (trouble !== undefined && trouble.reason !== "CrashLoop");
    },
    now,
  });
  switch (decision.step) {
    case "none":
      return;
    case "wait":
      scope.comeBackAfter(decision.requeueAfterMs);
      return;
    case "restart":
      log.warn({ pod: decision.member.pod, reason: decision.message }, "restarting a member");
      await api.delete(kinds.pod, stemhub.metadata.namespace, decision.member.pod, {
        uid: decision.member.uid,
        gracePeriodSeconds: stuckGraceSeconds,
      });
      return;
    case "rebuild": {
      const { member, report } = decision;
      log.warn({ pod: member.pod, reason: report.reason }, "rebuilding a member");
      const { namespace } = stemhub.metadata;
      // The claim first: it goes when its pod has gone, and the next pod waits for that.
      await api.delete(kinds.claim, namespace, memberClaim(member.pod));
      await api.delete(kinds.pod, namespace, member.pod, { uid: member.uid });
      scope.rebuilds = [...scope.rebuilds, report];
      scope.comeBackAfter(0);
    }
  }
}

/** A node that is closed is about to be drained: its pods will be evicted, the primary's as a replica's. */
export async function leaveCordonedNode(scope: Scope, { cache }: Deps): Promise<void> {
  const { primary, members } = scope.world.topology;
  if (!isCordoned(cache, members.find(({ pod }) => pod === primary)?.node)) return;
  scope.switchoverWish ??= { cause: "Drain", mayBecomePrimary: ({ node }) => !isCordoned(cache, node) };
}

/** Moves the primary's role where a person or a change asks for that. Patroni does it: the operator only leaves it the request. */
export async function switchOver(scope: Scope, { api, cache, clock, log }: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const decision = decideSwitchover({
    stemhub,
    topology: world.topology,
    wish: scope.switchoverWish,
    now: clock.now(),
  });
  switch (decision.step) {
    case "none":
      return;
    case "wait":
      scope.comeBackAfter(decision.requeueAfterMs);
      return;
    case "ask":
      cache.observe(await api.apply(switchoverRequest(stemhub, decision), { fieldManager }));
      scope.comeBackAfter(decision.requeueAfterMs);
      return;
    case "withdraw":
      cache.observe(await api.apply(switchoverRequest(stemhub), { fieldManager }));
      break;
    case "open":
      // Our own status wakes nobody.
      scope.comeBackAfter(0);
      break;
    case "close":
      break;
  }
  scope.switchover = decision.report;
  log.info(
    { name: stemhub.metadata.name, phase: decision.report.phase, reason: decision.report.message },
    "switchover",
  );
}
