import type { Component, ComponentName, StemHub, Volume } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { credentialsAnnotation } from "../credentials.ts";
import { apiDefaults, environmentOf, withDefaults } from "../environment.ts";
import { childMetadata, podLabels, selectorLabels } from "../metadata.ts";
import { childNames } from "../names.ts";
import { drainFirst, rollWithoutLoss, spreadOverNodes } from "../placement.ts";
import { restrictedContainer, restrictedPod } from "../pod-security.ts";
import { replicasToApply } from "./replicas.ts";

/** What a component's Deployment is made from. */
interface DeploymentInput {
  readonly stemhub: StemHub;
  readonly name: ComponentName;
  readonly component: Component;
  /** The one there is, for what belongs to others in it. */
  readonly live: KubeObject | undefined;
  readonly loginHash: string;
  readonly clusterDomain: string;
}

/** Does a component sign in to the database? */
export function usesDatabase(name: ComponentName, component: Component): boolean {
  return environmentEntries(name, component).some(({ database }) => database);
}

function environmentEntries(name: ComponentName, component: Component) {
  return withDefaults(component.env, name === "api" ? apiDefaults : []);
}

/** One component's Deployment. */
export function componentDeployment(input: DeploymentInput): KubeObject {
  const { stemhub, name, component, live, loginHash, clusterDomain } = input;
  const metadata = childMetadata(stemhub, childNames(stemhub.metadata.name).component(name), name);
  const selector = selectorLabels(stemhub.metadata.name, name);
  const env = environmentEntries(name, component);
  const environment = environmentOf({ stemhub, env, login: "app", clusterDomain });
  const replicas = replicasToApply(component, live);
  const { runAsUser, runAsGroup, fsGroup } = component.securityContext;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: selector },
      ...rollWithoutLoss,
      progressDeadlineSeconds: 600,
      template: {
        metadata: {
          labels: podLabels(stemhub.metadata.name, name),
          // A container's environment is read once: with another login the pods have to be others.
          ...(usesDatabase(name, component) ? { annotations: { [credentialsAnnotation]: loginHash } } : {}),
        },
        spec: {
          serviceAccountName: metadata.name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: component.terminationGracePeriodSeconds,
          securityContext: restrictedPod({
            uid: runAsUser,
            ...(runAsGroup === undefined ? {} : { gid: runAsGroup }),
            ...(fsGroup === undefined ? {} : { fsGroup }),
          }),
          topologySpreadConstraints: spreadOverNodes(selector),
          containers: [
            {
              name,
              image: stemhub.spec.release.images[name] ?? "",
              imagePullPolicy: "IfNotPresent",
              ...(component.command === undefined ? {} : { command: component.command }),
              ...(component.args === undefined ? {} : { args: component.args }),
              env: environment.env,
              ...(component.envFrom === undefined ? {} : { envFrom: component.envFrom.map(sourceOf) }),
              ports: [{ name: "http", containerPort: component.port, protocol: "TCP" }],
              resources: component.resources,
              startupProbe: httpProbe(component.probes.startup),
              readinessProbe: httpProbe(component.probes.readiness),
              livenessProbe: httpProbe(component.probes.liveness),
              lifecycle: drainFirst,
              securityContext: restrictedContainer(),
              volumeMounts: [
                { name: "stemhub-tmp", mountPath: "/tmp" },
                ...environment.volumeMounts,
                ...(component.volumes ?? []).map(({ name: volume, mountPath, readOnly }) => ({
                  name: volume,
                  mountPath,
                  ...(readOnly ? { readOnly } : {}),
                })),
              ],
            },
          ],
          volumes: [
            { name: "stemhub-tmp", emptyDir: {} },
            ...environment.volumes,
            ...(component.volumes ?? []).map(podVolume),
          ],
        },
      },
    },
  };
}

function httpProbe(probe: Component["probes"]["readiness"]) {
  const { path, ...times } = probe;
  return { httpGet: { path, port: "http" }, ...times };
}

function sourceOf({ secret, configMap, prefix }: NonNullable<Component["envFrom"]>[number]) {
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(secret ? { secretRef: { name: secret.name } } : {}),
    ...(configMap ? { configMapRef: { name: configMap.name } } : {}),
  };
}

/** The allow-list of volumes, said in Kubernetes' words. The schema lets exactly one of them through. */
function podVolume({ name, emptyDir, configMap, secret, projected, claim }: Volume): Record<string, unknown> {
  if (emptyDir) {
    const { sizeLimit, medium } = emptyDir;
    return { name, emptyDir: { ...(medium ? { medium } : {}), ...(sizeLimit === undefined ? {} : { sizeLimit }) } };
  }
  if (configMap) return { name, configMap: { name: configMap.name } };
  if (secret) return { name, secret: { secretName: secret.name } };
  if (claim) return { name, persistentVolumeClaim: { claimName: claim.name } };
  const sources = (projected?.sources ?? []).map((source) => ({
    ...(source.configMap ? { configMap: { name: source.configMap.name } } : {}),
    ...(source.secret ? { secret: { name: source.secret.name } } : {}),
  }));
  return { name, projected: { sources } };
}
