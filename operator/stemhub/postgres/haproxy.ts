import type { StemHub } from "../../api/stemhub.ts";
import { childNames, serviceHost } from "../names.ts";
import { databasePorts } from "./patroni.ts";

/** Ports of a database proxy pod. `primaryFirst` is the app's endpoint, `replicasFirst` the one for read load. */
export const proxyPorts = { primaryFirst: 5432, replicasFirst: 5433, health: 8404 } as const;

/** A replica further behind than this is not read from. Units: bytes of WAL. */
const replicaLagBoundBytes = 16 * 1024 * 1024;

/**
 * There is a place for every member that there may be: one that does not exist has no address, and is not asked. So
 * members come and go without a restart of the proxies, which would close every session.
 */
const mostMembers = 5;

/**
 * HAProxy's configuration: every member is asked by REST what it is, once as primary and once as replica.
 *
 * - `primary_first` (Service NAME-db): the primary; while there is none, a healthy replica, so that reads go on.
 *   Sessions on a server that lost its role are closed, so pools come back to the primary by themselves.
 * - `replicas_first` (Service NAME-db-ro): replicas within the lag bound; with none, the primary.
 *
 * OPTIONS is answered like GET and without a body: HAProxy closes at the status line, and Patroni would log a stack for
 * each body that it cannot send.
 *
 * A second check is not a second truth: the `track` servers below only follow these two.
 */
export function haproxyConfiguration(stemhub: StemHub, clusterDomain: string): string {
  const names = childNames(stemhub.metadata.name);
  const pods = serviceHost(names.databasePods, stemhub.metadata.namespace ?? "", clusterDomain);
  const members = Array.from({ length: mostMembers }, (_, i) => `${names.database}-${i}`);
  const address = (member: string) => `${member}.${pods}:${databasePorts.postgres}`;
  // Without allow-dup-ip the second server with an address (each member is two, as primary and as replica) stays in
  // maintenance for ever.
  const resolved = "resolvers cluster resolve-opts allow-dup-ip init-addr none";
  const check = (member: string) =>
    `check port ${databasePorts.patroni} check-ssl verify required ca-file /etc/stemhub/authority/ca.crt verifyhost ${member}.${pods}`;
  const lines = (each: (member: string) => string) => members.map((member) => `  ${each(member)}`).join("\n");

  return `global
  log stdout format raw local0 notice
  maxconn 2000

defaults
  log global
  mode tcp
  option tcpka
  timeout connect 2s
  # Idle sessions of a pool are no fault: keepalives find the dead ones.
  timeout client 24h
  timeout server 24h
  # A process that is gone refuses at once and a demoted one says so; only silence needs the whole time, and a busy machine
  # must not be taken for it.
  timeout check 2s
  default-server inter 1s fastinter 500ms downinter 1s rise 1 fall 3

resolvers cluster
  parse-resolv-conf
  resolve_retries 2
  timeout resolve 1s
  timeout retry 500ms
  hold valid 1s
  hold nx 5s
  hold obsolete 1s

frontend health
  mode http
  bind :${proxyPorts.health}
  timeout client 5s
  http-request return status 200 content-type text/plain string ok if { path /healthz }
  # Without a member behind it a proxy would take connections only to close them.
  monitor-uri /readyz
  monitor fail if { nbsrv(is_primary) eq 0 } { nbsrv(is_replica) eq 0 }

frontend primary_first
  bind :${proxyPorts.primaryFirst}
  default_backend primary_first

frontend replicas_first
  bind :${proxyPorts.replicasFirst}
  default_backend replicas_first

backend is_primary
  option httpchk
  http-check send meth OPTIONS uri /primary
${lines((m) => `server ${m} ${address(m)} ${resolved} ${check(m)}`)}

backend is_replica
  option httpchk
  http-check send meth OPTIONS uri /replica?lag=${replicaLagBoundBytes}
${lines((m) => `server ${m} ${address(m)} ${resolved} ${check(m)}`)}

backend primary_first
${lines((m) => `server primary-${m} ${address(m)} ${resolved} track is_primary/${m} on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions`)}
${lines((m) => `server replica-${m} ${address(m)} ${resolved} track is_replica/${m} on-marked-down shutdown-sessions backup`)}

backend replicas_first
  balance leastconn
${lines((m) => `server replica-${m} ${address(m)} ${resolved} track is_replica/${m} on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions`)}
${lines((m) => `server primary-${m} ${address(m)} ${resolved} track is_primary/${m} on-marked-down shutdown-sessions backup`)}
`;
}
