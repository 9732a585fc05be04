import type { StemHub } from "../../api/stemhub.ts";
import { restrictedContainer } from "../pod-security.ts";
import { databasePaths, databasePorts } from "../postgres/patroni.ts";
import type { MemberParts } from "../postgres/statefulset.ts";
import { type Mounted, memberMounts, serverMounts } from "./mounts.ts";

/**
 * pgBackRest's processes: some MiB each for what they read and compress, two at once for each backup. It is not killed for
 * less than it ever needs: a container that restarts takes its pod out of the Services for that while.
 */
const resources = { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "512Mi" } } as const;

/** What backups have in each member of the database: what archives, and the server beside it. Nothing without spec.backup. */
export function memberParts(stemhub: StemHub, image: string): MemberParts {
  const { backup } = stemhub.spec;
  if (!backup) return { mounts: [], containers: [], volumes: [] };
  const [archiving, serving] = [memberMounts(stemhub, backup), serverMounts(stemhub)];
  return {
    mounts: archiving.map(({ mount }) => mount),
    containers: [backupServer(image, serving)],
    volumes: [...[...archiving, ...serving].map(({ volume }) => volume), { name: "backup-tmp", emptyDir: {} }],
  };
}

/**
 * The container beside a member through which jobs read its data and ask its PostgreSQL. Whoever has the jobs' client
 * certificate gets in, and nobody else.
 *
 * It shares the member's volume and sockets by the same paths, since the job names them once for all; its locks are its own.
 * It has neither keys of the repository nor a probe: what is wrong with it must not take a primary out of its Services.
 */
function backupServer(image: string, mounts: readonly Mounted[]) {
  return {
    name: "backup-server",
    image,
    imagePullPolicy: "IfNotPresent",
    command: ["/usr/local/lib/stemhub/serve-backups"],
    ports: [{ name: "backup", containerPort: databasePorts.backup, protocol: "TCP" }],
    resources,
    securityContext: restrictedContainer(),
    volumeMounts: [
      { name: "data", mountPath: databasePaths.data },
      { name: "sockets", mountPath: databasePaths.sockets },
      { name: "backup-tmp", mountPath: "/tmp" },
      ...mounts.map(({ mount }) => mount),
    ],
  };
}
