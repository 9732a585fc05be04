import { type Component, type ComponentName, componentsOf, type StemHub } from "../../api/stemhub.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { childMetadata, selectorLabels, serviceSelector } from "../metadata.ts";
import { childNames } from "../names.ts";
import { disruptionBudget } from "../placement.ts";
import { componentDeployment } from "./deployment.ts";
import { replicasHandover } from "./replicas.ts";

/** What the components' objects are made from. `deployments` are the live ones. */
export interface ComponentsInput {
  readonly stemhub: StemHub;
  readonly deployments: readonly KubeObject[];
  /** Of the app's login (rotation.ts). */
  readonly loginHash: string;
  readonly clusterDomain: string;
}

/** Every object of every component, in the order in which they are applied. */
export function desiredComponents({ stemhub, deployments, loginHash, clusterDomain }: ComponentsInput): KubeObject[] {
  return componentsOf(stemhub).flatMap(({ name, component }) => {
    const objectName = childNames(stemhub.metadata.name).component(name);
    const metadata = childMetadata(stemhub, objectName, name);
    const live = deployments.find((deployment) => deployment.metadata.name === objectName);
    return [
      { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false },
      service(stemhub, name, component),
      ...componentBudget(stemhub, name, component),
      componentDeployment({ stemhub, name, component, live, loginHash, clusterDomain }),
      ...autoscaler(stemhub, name, component),
    ];
  });
}

/** What is handed to the autoscalers before the Deployments are applied without their replicas. */
export function replicasHandovers({
  stemhub,
  deployments,
}: Pick<ComponentsInput, "stemhub" | "deployments">): KubeObject[] {
  return componentsOf(stemhub).flatMap(({ name, component }) => {
    const objectName = childNames(stemhub.metadata.name).component(name);
    const handover = replicasHandover(
      component,
      deployments.find((d) => d.metadata.name === objectName),
    );
    return handover ? [handover] : [];
  });
}

function service(stemhub: StemHub, name: ComponentName, component: Component): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: childMetadata(stemhub, childNames(stemhub.metadata.name).component(name), name),
    spec: {
      selector: serviceSelector(stemhub.metadata.name, name),
      ports: [{ name: "http", port: component.port, targetPort: "http", protocol: "TCP" }],
    },
  };
}

/** One pod may be away at a time. A single pod has no budget, which would protect nothing. */
function componentBudget(stemhub: StemHub, name: ComponentName, component: Component): KubeObject[] {
  if (component.replicas.min === 1) return [];
  return [
    disruptionBudget(
      childMetadata(stemhub, childNames(stemhub.metadata.name).component(name), name),
      selectorLabels(stemhub.metadata.name, name),
    ),
  ];
}

function autoscaler(stemhub: StemHub, name: ComponentName, component: Component): KubeObject[] {
  const { autoscaling, replicas } = component;
  if (!autoscaling) return [];
  const objectName = childNames(stemhub.metadata.name).component(name);
  const metric = (resource: string, averageUtilization: number | undefined) =>
    averageUtilization === undefined
      ? []
      : [{ type: "Resource", resource: { name: resource, target: { type: "Utilization", averageUtilization } } }];
  return [
    {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: childMetadata(stemhub, objectName, name),
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: objectName },
        minReplicas: replicas.min,
        maxReplicas: replicas.max ?? replicas.min,
        metrics: [...metric("cpu", autoscaling.cpuPercent), ...metric("memory", autoscaling.memoryPercent)],
        behavior: {
          scaleUp: { stabilizationWindowSeconds: autoscaling.scaleUpStabilizationSeconds },
          scaleDown: { stabilizationWindowSeconds: autoscaling.scaleDownStabilizationSeconds },
        },
      },
    },
  ];
}
