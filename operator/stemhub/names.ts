import type { ComponentName } from "../api/stemhub.ts";

/**
 * Every name that a StemHub's objects carry, in one place, so that no two slices can disagree. All are a pure function
 * of the StemHub's name (at most 40 characters by the CRD's rule), and each stays below Kubernetes' 63.
 */
export function childNames(stemhub: string) {
  return {
    database: `${stemhub}-db`,
    databasePods: `${stemhub}-db-pods`,
    databaseReadWrite: `${stemhub}-db-rw`,
    databaseReadOnly: `${stemhub}-db-ro`,
    databaseProxy: `${stemhub}-db-proxy`,
    /** Patroni's configuration file. Patroni's own objects are NAME-db-config, -leader, -sync and -failover. */
    patroni: `${stemhub}-db-patroni`,
    superuserSecret: `${stemhub}-db-superuser`,
    replicationSecret: `${stemhub}-db-replication`,
    patroniSecret: `${stemhub}-db-patroni`,
    appSecret: `${stemhub}-db-app`,
    migratorSecret: `${stemhub}-db-migrator`,
    probeSecret: `${stemhub}-db-probe`,
    /** Both a Secret (certificate and key) and a ConfigMap (certificate alone, for those who only verify). */
    authority: `${stemhub}-ca`,
    databaseTls: `${stemhub}-db-tls`,
    gateway: `${stemhub}-gateway`,
    gatewayTls: `${stemhub}-gateway-tls`,
    /** The ConfigMap that says what works now: mode-document.ts. */
    mode: `${stemhub}-mode`,
    queue: `${stemhub}-queue`,
    /** The NATS servers in which the queue keeps its writes; also the Service that names each of them. */
    queueStore: `${stemhub}-queue-nats`,
    queueTls: `${stemhub}-queue-tls`,
    /** What the gateway and the operator show to the queue. */
    gatewayClientTls: `${stemhub}-gateway-client-tls`,
    operatorClientTls: `${stemhub}-operator-client-tls`,
    /** A Secret (data keys and the key that signs) and a ConfigMap (the public half, for apps). */
    queueKeys: `${stemhub}-queue-keys`,
    /** How NATS lets in the queue, and its servers each other. */
    queueStoreSecret: `${stemhub}-queue-nats`,
    /** What makes and keeps backups: the configuration of pgBackRest, the ServiceAccount, the jobs. */
    backup: `${stemhub}-backup`,
    /** By which everything in the repository is encrypted, where the spec brings no Secret of its own. */
    backupKey: `${stemhub}-backup-key`,
    /** What the members' pgBackRest servers show, and what the jobs show to them. */
    backupServerTls: `${stemhub}-backup-server-tls`,
    backupClientTls: `${stemhub}-backup-client-tls`,
    component: (component: ComponentName) => `${stemhub}-${component}`,
    migration: (hash: string) => `${stemhub}-migrate-${hash}`,
  } as const;
}

/** The names of one StemHub's objects. */
export type ChildNames = ReturnType<typeof childNames>;

/** Patroni's objects in its store, for a scope: made by Patroni, never by us; removed only with the data. */
export function patroniStoreNames(stemhub: string): readonly string[] {
  const scope = childNames(stemhub).database;
  return ["config", "leader", "sync", "failover"].map((part) => `${scope}-${part}`);
}

/** The name of a Service as every pod of the cluster can resolve it, whatever its own namespace. */
export function serviceHost(service: string, namespace: string, clusterDomain: string): string {
  return `${service}.${namespace}.svc.${clusterDomain}`;
}

/** Common names by which the write queue knows who asks. */
export function queueClients(stemhub: string) {
  return { gateway: childNames(stemhub).gateway, operator: `${stemhub}-operator` } as const;
}
