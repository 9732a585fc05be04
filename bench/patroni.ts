import { stringify } from "yaml";

/**
 * Three instances of PostgreSQL under Patroni as its own documentation sets them up, with the same image, the same
 * timings, the same promise (a commit is held by a standby, always) and the same storage as ours: what Patroni gives
 * without an operator. It has no TLS, no generated credentials and no roles; what is not said here is as Patroni and
 * PostgreSQL have it by default. Its clients come by the Service `peer-rw`, which follows Patroni's label.
 * Source: https://patroni.readthedocs.io/en/latest/kubernetes.html
 */
export function plainPatroni(namespace: string, image: string): object[] {
  const labels = { app: "peer" };
  const metadata = { name: "peer", namespace };
  const environment = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata,
      rules: [
        {
          apiGroups: [""],
          resources: ["configmaps"],
          verbs: ["create", "get", "list", "patch", "update", "watch", "delete"],
        },
        { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "patch", "update", "watch"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "peer" },
      subjects: [{ kind: "ServiceAccount", name: "peer", namespace }],
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "patroni.yml": configuration } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: labels,
        ports: [{ name: "postgres", port: 5432 }],
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "peer-rw", namespace },
      spec: { selector: { ...labels, role: "primary" }, ports: [{ name: "postgres", port: 5432 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata,
      spec: {
        serviceName: "peer",
        replicas: 3,
        podManagementPolicy: "Parallel",
        selector: { matchLabels: labels },
        template: {
          metadata: { labels: { ...labels, cluster: "peer" } },
          spec: {
            serviceAccountName: "peer",
            securityContext: {
              runAsNonRoot: true,
              runAsUser: 999,
              runAsGroup: 999,
              fsGroup: 999,
              seccompProfile: { type: "RuntimeDefault" },
            },
            containers: [
              {
                name: "postgres",
                image,
                imagePullPolicy: "IfNotPresent",
                command: ["bash", "-c", "install -d -m 0700 /data/pg && exec patroni /etc/patroni/patroni.yml"],
                env: [
                  { name: "PATRONI_SCOPE", value: "peer" },
                  environment("PATRONI_NAME", "metadata.name"),
                  environment("PATRONI_KUBERNETES_NAMESPACE", "metadata.namespace"),
                  environment("PATRONI_KUBERNETES_POD_IP", "status.podIP"),
                  { name: "PATRONI_POSTGRESQL_CONNECT_ADDRESS", value: "$(PATRONI_KUBERNETES_POD_IP):5432" },
                  { name: "PATRONI_RESTAPI_CONNECT_ADDRESS", value: "$(PATRONI_KUBERNETES_POD_IP):8008" },
                ],
                readinessProbe: { httpGet: { path: "/readiness", port: 8008 }, periodSeconds: 1 },
                securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
                volumeMounts: [
                  { name: "data", mountPath: "/data" },
                  { name: "configuration", mountPath: "/etc/patroni" },
                ],
              },
            ],
            volumes: [{ name: "configuration", configMap: { name: "peer" } }],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: "data" },
            spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
          },
        ],
      },
    },
  ];
}

/** The superuser: the peer has no other role. */
export const peerLogin = { username: "postgres", password: "peer" } as const;

/** Passwords are the same for everybody: it lives for a while, in a namespace of the bench. */
const configuration = stringify({
  bootstrap: {
    dcs: {
      ttl: 20,
      loop_wait: 3,
      retry_timeout: 5,
      synchronous_mode: "quorum",
      synchronous_mode_strict: true,
      postgresql: {
        use_pg_rewind: true,
        parameters: { wal_level: "replica", hot_standby: "on", wal_keep_size: "256MB" },
      },
    },
    initdb: [{ encoding: "UTF8" }, "data-checksums"],
  },
  kubernetes: {
    use_endpoints: false,
    scope_label: "cluster",
    role_label: "role",
    leader_label_value: "primary",
    follower_label_value: "replica",
    standby_leader_label_value: "standby",
    labels: { app: "peer" },
  },
  postgresql: {
    data_dir: "/data/pg",
    bin_dir: "/usr/lib/postgresql/17/bin",
    pgpass: "/tmp/pgpass",
    listen: "0.0.0.0:5432",
    authentication: {
      superuser: peerLogin,
      replication: { username: "replication", password: "peer" },
    },
    parameters: { unix_socket_directories: "/tmp" },
    pg_hba: ["local all all trust", "host replication replication all scram-sha-256", "host all all all scram-sha-256"],
  },
  restapi: { listen: "0.0.0.0:8008" },
});
