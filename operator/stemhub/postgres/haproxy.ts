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
 * - `replicas_first` (Service NAME-db-ro): replicas within the lag bound; with none, the primary. Its servers follow the
 *   checks of the others: a second check is not a second truth.
 *
 * A primary that is gone is found by those who want to connect to it before its next check: two connections in a row that
 * fail take it out, and the next check that succeeds takes it in again. Two and not one, so that one lost packet does not
 * close every session. For half a second nobody waits longer than for a connection within a cluster, and then another server
 * is tried (redispatch). Measured: a primary that shut down was out after 0.03 s, and after 1.4 s by three failed checks.
 *
 * A member whose PostgreSQL takes no connection is out whatever Patroni says: it would come and go with each check, and all
 * readers with it.
 *
 * OPTIONS is answered like GET and without a body: HAProxy closes at the status line, and Patroni would log a stack for
 * each body that it cannot send. Each check is a TLS handshake and a query, so replicas are asked less often.
 */
export function haproxyConfiguration(stemhub: StemHub, clusterDomain: string): string {
  const names = childNames(stemhub.metadata.name);
  const pods = serviceHost(names.databasePods, stemhub.metadata.namespace ?? "", clusterDomain);
  const members = Array.from({ length: mostMembers }, (_, i) => `${names.database}-${i}`);
  // Without allow-dup-ip the second server with an address (each member is two, as primary and as replica) stays in
  // maintenance for ever.
  const server = (role: "primary" | "replica", member: string) =>
    `server ${role}-${member} ${member}.${pods}:${databasePorts.postgres} resolvers cluster resolve-opts allow-dup-ip init-addr none`;
  const check = (member: string) =>
    `check port ${databasePorts.patroni} check-ssl verify required ca-file /etc/stemhub/authority/ca.crt verifyhost ${member}.${pods}`;
  const missed = "observe layer4 error-limit 2 on-error mark-down";
  const first = "on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions";
  const backup = "on-marked-down shutdown-sessions backup";
  const lines = (each: (member: string) => string) => members.map((member) => `  ${each(member)}`).join("\n");

  return `global
  log stdout format raw local0 notice
  maxconn 2000

defaults
  log global
  mode tcp
  option tcpka
  timeout connect 500ms
  retries 2
  option redispatch 1
  # Idle sessions of a pool are no fault: keepalives find the dead ones.
  timeout client 24h
  timeout server 24h
  # A process that is gone refuses at once and a demoted one says so; only silence needs the whole time, and a busy machine
  # must not be taken for it.
  timeout check 2s
  default-server rise 1 fall 3

resolvers cluster
  parse-resolv-conf
  resolve_retries 2
  timeout resolve 1s
  timeout retry 500ms
  hold valid 1s
  hold nx 1s
  hold obsolete 1s

frontend health
  mode http
  bind :${proxyPorts.health}
  timeout client 5s
  http-request return status 200 content-type text/plain string ok if { path /healthz }
  # Without a member behind it a proxy would take connections only to close them.
  monitor-uri /readyz
  monitor fail if { nbsrv(primary_first) eq 0 }

frontend primary_first
  bind :${proxyPorts.primaryFirst}
  default_backend primary_first

frontend replicas_first
  bind :${proxyPorts.replicasFirst}
  default_backend replicas_first

backend primary_first
  option httpchk
  http-check connect default
  # /primary or /replica, by the first word of the server's name.
  http-check send meth OPTIONS uri-lf /%[srv_name,field(1,-)]?lag=${replicaLagBoundBytes}
  http-check expect status 200
  # Patroni goes on saying yes while its PostgreSQL shuts down or has been killed.
  http-check connect port ${databasePorts.postgres}
${lines((m) => `${server("primary", m)} ${check(m)} inter 1s fastinter 250ms downinter 300ms ${missed} ${first}`)}
${lines((m) => `${server("replica", m)} ${check(m)} inter 2s fastinter 500ms downinter 1s ${backup}`)}

backend replicas_first
  balance leastconn
${lines((m) => `${server("replica", m)} track primary_first/replica-${m} ${first}`)}
${lines((m) => `${server("primary", m)} track primary_first/primary-${m} ${backup}`)}
`;
}
