/** Debian's, which every provider's nodes have or can pull: bash and perl are enough here. */
const image = "docker.io/library/debian:trixie-slim";

/** Where the objects live while they are needed. */
export const verifyNamespace = "cluster-verify";

/** Answers every request with its pod's name. */
const server = `use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalPort => 8080, Listen => 128, ReuseAddr => 1) or die $!;
while (my $client = $listener->accept) {
  while (my $line = <$client>) { last if $line =~ /^\\r?\\n$/ }
  print $client "HTTP/1.0 200 OK\\r\\n\\r\\n$ENV{HOSTNAME}\\n";
  close $client;
}`;

const small = { requests: { cpu: "50m", memory: "16Mi" } };
const soon = { terminationGracePeriodSeconds: 1 };

function podOf(app: string, command: readonly string[], more: object = {}, volumeMounts: readonly object[] = []) {
  const container = { name: app, image, command, resources: small, volumeMounts };
  return { metadata: { labels: { app } }, spec: { ...soon, containers: [container], ...more } };
}

/** A web server on every node with a Service, a StatefulSet with a volume, a Deployment that burns, and its autoscaler. */
export const verifyObjects: readonly object[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: verifyNamespace } },
  {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "web" },
    spec: { selector: { matchLabels: { app: "web" } }, template: podOf("web", ["perl", "-e", server]) },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
  },
  {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "keeper" },
    spec: {
      serviceName: "keeper",
      selector: { matchLabels: { app: "keeper" } },
      template: podOf("keeper", ["sleep", "infinity"], {}, [{ name: "data", mountPath: "/data" }]),
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
        },
      ],
    },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "burn" },
    // Half a processor, burnt all the time: an autoscaler that works raises the replicas.
    spec: {
      selector: { matchLabels: { app: "burn" } },
      template: podOf("burn", ["bash", "-c", "while :; do for i in {1..20000}; do :; done; sleep 0.05; done"]),
    },
  },
  {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "burn" },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "burn" },
      minReplicas: 1,
      maxReplicas: 2,
      metrics: [
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } },
      ],
    },
  },
];

/** A pod with a volume of a class and size. */
export function diskObjects(storageClassName: string, storage: string): object[] {
  return [
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "disk" },
      spec: { storageClassName, accessModes: ["ReadWriteOnce"], resources: { requests: { storage } } },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "disk" },
      spec: {
        ...soon,
        containers: [
          {
            name: "disk",
            image,
            command: ["sleep", "infinity"],
            resources: small,
            volumeMounts: [{ name: "data", mountPath: "/data" }],
          },
        ],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName: "disk" } }],
      },
    },
  ];
}
