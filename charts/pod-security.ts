interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly seccompProfile?: { readonly type?: string };
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly privileged?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
}

interface Container {
  readonly name: string;
  readonly securityContext?: SecurityContext;
  readonly ports?: readonly { readonly hostPort?: number }[];
}

/** As much of a pod's spec as the restricted Pod Security Standard judges. */
export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Record<string, unknown>[];
}

const allowedVolumes = new Set([
  "configMap",
  "emptyDir",
  "persistentVolumeClaim",
  "projected",
  "secret",
  "downwardAPI",
]);

/**
 * What the restricted Pod Security Standard has against a pod, and the two things that this project asks beyond it: a
 * user by number and a root filesystem that cannot be written. Empty: nothing.
 *
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export function restrictedViolations(pod: PodSpec): string[] {
  const violations: string[] = [];
  for (const field of ["hostNetwork", "hostPID", "hostIPC"] as const) if (pod[field]) violations.push(field);
  for (const { name, ...source } of pod.volumes ?? []) {
    for (const type of Object.keys(source)) if (!allowedVolumes.has(type)) violations.push(`volume ${name}: ${type}`);
  }
  for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
    const own = container.securityContext ?? {};
    const both = { ...pod.securityContext, ...own };
    const rules: [string, boolean][] = [
      ["runAsNonRoot", both.runAsNonRoot === true],
      ["runAsUser", (both.runAsUser ?? 0) > 0],
      ["seccompProfile", ["RuntimeDefault", "Localhost"].includes(both.seccompProfile?.type ?? "")],
      ["allowPrivilegeEscalation", own.allowPrivilegeEscalation === false],
      ["privileged", own.privileged !== true],
      ["readOnlyRootFilesystem", own.readOnlyRootFilesystem === true],
      ["capabilities.drop", own.capabilities?.drop?.includes("ALL") === true],
      ["capabilities.add", (own.capabilities?.add ?? []).every((capability) => capability === "NET_BIND_SERVICE")],
      ["hostPort", (container.ports ?? []).every((port) => port.hostPort === undefined)],
    ];
    for (const [rule, kept] of rules) if (!kept) violations.push(`container ${container.name}: ${rule}`);
  }
  return violations;
}
